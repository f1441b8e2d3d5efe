/// Something that a container does later; made by `Container.schedule`.
public struct Timer {
    let id: TimerQueue.ID
    let loop: Loop

    /// Takes it back, where it has not happened yet; from the container's threads.
    /// - Returns: whether it was still to happen.
    @discardableResult
    public func cancel() -> Bool {
        loop.cancel(id)
    }
}
