import CShim
import Glibc

/// Wakes a thread that polls: an `eventfd(2)`.
public final class Wake: Sendable {
    /// Readable after `signal`, until `clear`.
    public let descriptor: Int32

    public init() {
        descriptor = cshim_eventfd()
    }

    public func signal() {
        var one: UInt64 = 1
        _ = Glibc.write(descriptor, &one, 8)
    }

    public func clear() {
        var count: UInt64 = 0
        _ = Glibc.read(descriptor, &count, 8)
    }

    /// Waits for a signal, or so many milliseconds (-1: for ever).
    public func wait(milliseconds: Int32) {
        var item = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&item, 1, milliseconds)
    }

    deinit { close(descriptor) }
}
