import CShim
import Glibc

/// A thread of the operating system with a name, for code that blocks: loops that own sockets, calls into drivers.
/// Whoever makes one joins it.
public struct OSThread: Sendable {
    private let thread: pthread_t

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts a thread (`pthread_create`). `name` is cut to the 15 bytes that Linux keeps. Nil: the system refuses one more.
    public init?(_ name: String, _ run: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(name: String(decoding: name.utf8.prefix(15), as: UTF8.self), run: run))
        let failure = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                _ = cshim_set_thread_name(body.name)
                body.run()
                return nil
            }, body.toOpaque())
        guard failure == 0 else {
            body.release()
            return nil
        }
        self.thread = thread
    }

    /// Waits for its end (`pthread_join`). Once.
    public func join() {
        pthread_join(thread, nil)
    }

    /// Lets it end by itself (`pthread_detach`): for a thread that may hang for ever in foreign code.
    public func detach() {
        pthread_detach(thread)
    }
}
