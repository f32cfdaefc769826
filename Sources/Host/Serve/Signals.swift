import CShim
import Glibc

/// SIGTERM, SIGINT and SIGHUP as something to wait for: their handler writes the number into a pipe.
struct Signals: ~Copyable {
    private let descriptor: Int32

    init() {
        descriptor = cshim_catch_signals()
    }

    /// Waits for the next one (`read(2)` on the pipe).
    borrowing func next() -> Int32 {
        var number: UInt8 = 0
        while read(descriptor, &number, 1) != 1, cshim_errno() == EINTR {}
        return Int32(number)
    }
}
