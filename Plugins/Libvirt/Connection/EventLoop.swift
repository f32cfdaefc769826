import CLibvirt
import CLibvirtShim
import Glibc
import PluginKit
import Synchronization

/// libvirt's event loop (`virEventRegisterDefaultImpl`, `virEventRunDefaultImpl`) on a thread of its own: events, keep-alive
/// and the end of a connection all come through it. One for the process, running while any provider is open.
enum EventLoop {
    private struct State {
        var users = 0
        var timer: Int32?
        var isRunning = false
        var shallStop = false
    }

    private static let state = Mutex(State())
    private static let signal = Signal()

    /// Prepares libvirt once (`virInitialize`, the loop's implementation before any connection) and starts the thread.
    static func enter() throws(DriverError) {
        enum Step { case start, none, failed }
        let step = state.withLock { state -> Step in
            if state.timer == nil {
                clibvirt_silence()
                guard virInitialize() >= 0, virEventRegisterDefaultImpl() >= 0 else { return .failed }
                // A timer that never fires by itself; setting it to zero wakes the loop up.
                let timer = virEventAddTimeout(-1, { _, _ in }, nil, nil)
                guard timer >= 0 else { return .failed }
                state.timer = timer
            }
            state.users += 1
            guard !state.isRunning else { return .none }
            state.isRunning = true
            state.shallStop = false
            return .start
        }
        switch step {
        case .none: return
        case .failed: throw .broken("libvirt cannot be initialised", native: "\(LibvirtError(doing: "initialise libvirt"))")
        case .start:
            guard Thread.start(run) else {
                state.withLock { state in
                    state.users -= 1
                    state.isRunning = false
                }
                throw .retry("the system has no thread left for libvirt's event loop")
            }
        }
    }

    /// Ends the thread with its last user; it is gone when this returns.
    static func leave() {
        let stops = state.withLock { state in
            state.users -= 1
            state.shallStop = state.users == 0
            return state.shallStop
        }
        guard stops else { return }
        wake(0)
        _ = signal.wait(milliseconds: 5000) { state.withLock { !$0.isRunning } }
    }

    private static func wake(_ milliseconds: Int32) {
        if let timer = state.withLock({ $0.timer }) { virEventUpdateTimeout(timer, milliseconds) }
    }

    private static func run() {
        while !state.withLock({ $0.shallStop }) {
            // A failure here is passing (a descriptor closed between two polls): never spin on it.
            if virEventRunDefaultImpl() < 0 { usleep(10_000) }
        }
        wake(-1)
        signal.notify {
            state.withLock { $0.isRunning = false }
        }
    }
}
