import CShim
import Glibc
import Synchronization

/// Which thread of a worker reads the socket.
///
/// One has the turn. Before it makes a call it offers the turn, and takes it back afterwards if nobody wanted it: the others
/// sleep until something arrives meanwhile (`epoll`, one waiter at a time), so a call that comes alone wakes one thread and no
/// second one.
final class ReadingTurn: Sendable {
    private enum Turn {
        /// Somebody reads.
        case taken
        /// Whoever is woken next may have it; by which descriptor.
        case offered(Int32)
        case over(WorkerLoop.End)
    }

    private let turn = Mutex(Turn.offered(-1))
    private let socket: Int32
    private let epoll: Int32
    /// Always readable: armed for what was read already, and for the end.
    private let bell: Int32

    /// Nil: the system has no descriptor left.
    init?(socket: Int32) {
        self.socket = socket
        epoll = cshim_epoll()
        bell = cshim_eventfd()
        guard epoll >= 0, bell >= 0, cshim_epoll_add(epoll, socket) == 0, cshim_epoll_add(epoll, bell) == 0 else {
            // A failed init runs no deinit.
            close(epoll)
            close(bell)
            return nil
        }
        cshim_eventfd_signal(bell)
    }

    deinit {
        close(epoll)
        close(bell)
    }

    /// Waits for the turn; not nil: it is over.
    func take() -> WorkerLoop.End? {
        while true {
            let (isMine, end) = turn.withLock { turn -> (Bool, WorkerLoop.End?) in
                switch turn {
                case .taken: return (false, nil)
                case .over(let end): return (true, end)
                case .offered(let armed):
                    turn = .taken
                    cshim_epoll_disarm(epoll, armed)
                    return (true, nil)
                }
            }
            if isMine { return end }
            // The driver closed or replaced it.
            if cshim_epoll_wait(epoll) < 0, cshim_errno() != EINTR { return .stolen }
        }
    }

    /// Whoever has the turn gives it away for as long as it is busy. `hasMore`: a frame was read that nobody has looked at.
    func offer(hasMore: Bool) {
        turn.withLock { turn in
            guard case .taken = turn else { return }
            let waker = hasMore ? bell : socket
            turn = .offered(waker)
            cshim_epoll_arm(epoll, waker)
        }
    }

    /// Takes the turn back; false: somebody else has it.
    func reclaim() -> Bool {
        turn.withLock { turn in
            guard case .offered(let armed) = turn else { return false }
            turn = .taken
            cshim_epoll_disarm(epoll, armed)
            return true
        }
    }

    /// Wakes everybody for good. The first reason counts.
    func end(_ end: WorkerLoop.End) {
        turn.withLock { turn in
            if case .over = turn { return }
            turn = .over(end)
            cshim_epoll_arm_for_all(epoll, bell)
        }
    }
}
