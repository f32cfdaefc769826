import CShim
import Glibc
import Model
import Platform
import Synchronization

/// A worker's loop on threads of the host itself: `isolation = thread`. Nothing here can be killed: what hangs is given up, and
/// the provider stays shut until it comes back.
final class ThreadWorker: RunningWorker {
    let process: Int32? = nil
    let channel: Int32
    let outputs: [Int32] = []
    let ended: Int32

    /// What the loop's thread and the supervisor share, and the latter may leave behind.
    private final class Shared: Sendable {
        private struct State {
            var hasEnded = false
            var isGivenUp = false
        }

        private let state = Mutex(State())
        private let ended: Int32
        private let place: Place

        init(ended: Int32, place: Place) {
            self.ended = ended
            self.place = place
        }

        func end() {
            state.withLock { state in
                state.hasEnded = true
                if !state.isGivenUp { cshim_eventfd_signal(ended) }
            }
            place.leave()
        }

        /// Makes `ended` readable if the loop does not.
        func giveUp() {
            state.withLock { state in
                if !state.hasEnded { cshim_eventfd_signal(ended) }
                state.isGivenUp = true
            }
        }

        var hasEnded: Bool { state.withLock { $0.hasEnded } }
    }

    /// One loop at a time has a provider: the place stays taken while a loop that was given up hangs in the driver.
    final class Place: Sendable {
        private let isTaken = Atomic(false)

        func take() -> Bool { isTaken.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged }
        func leave() { isTaken.store(false, ordering: .releasing) }
    }

    private let shared: Shared
    private let thread: OSThread

    init(_ provider: String, place: Place) throws(BerthError) {
        guard place.take() else {
            throw BerthError(
                .retry, "a call into the driver still hangs in this process",
                hint: "restart the host, or use isolation = process, where it can be killed")
        }
        var files = Descriptors()
        let pair: Descriptors.Pair
        let ended: Int32
        do throws(BerthError) {
            pair = try files.socketPair()
            ended = try files.keep(cshim_eventfd(), "eventfd")
        } catch {
            place.leave()
            throw error
        }
        guard
            let loop = WorkerChannel(descriptor: pair.theirs).flatMap({ channel in
                WorkerLoop(channel, lost: { _ in channel.shutDown() })
            })
        else {
            place.leave()
            throw BerthError(.retry, "cannot start the driver's threads")
        }
        let shared = Shared(ended: ended, place: place)
        let theirs = pair.theirs
        let thread = OSThread("berth:\(provider)") {
            _ = loop.run(closesAtEnd: true) { _ in }
            close(theirs)
            shared.end()
        }
        guard let thread else {
            place.leave()
            throw BerthError(.retry, "cannot start the driver's threads: the system refuses another thread")
        }
        self.thread = thread
        channel = files.release(pair.ours)
        self.ended = files.release(ended)
        _ = files.release(theirs)
        self.shared = shared
    }

    func kill() {
        shutdown(channel, Int32(SHUT_RDWR))
        shared.giveUp()
    }

    func reap(killed reason: String?) -> WorkerDeath {
        if shared.hasEnded { thread.join() } else { thread.detach() }
        close(channel)
        close(ended)
        if let reason { return WorkerDeath("given up: \(reason)") }
        return WorkerDeath("the driver's threads ended")
    }
}
