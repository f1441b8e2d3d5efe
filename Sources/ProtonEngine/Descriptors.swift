import Glibc

/// The file descriptors of the process.
///
/// Proton 0.37 ends the process where it finds none left, in more places than one: who needs some looks here first.
enum Descriptors {
    /// Whether this many more can be opened.
    static func areFree(_ count: Int) -> Bool {
        var opened: [Int32] = []
        defer { for descriptor in opened { close(descriptor) } }
        while opened.count < count {
            let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { return false }
            opened.append(descriptor)
        }
        return true
    }
}
