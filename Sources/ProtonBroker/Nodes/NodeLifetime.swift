/// How long a node is there that a link is attached to.
enum NodeLifetime: Sendable {
    /// As long as the link, which it was made for.
    case link
    /// As long as anybody uses it, and it holds messages.
    case users
    /// Until the link, or one that comes after it by the same name, is closed.
    case subscription
}
