import Platform
import Synchronization

/// What a driver says without being asked: events, progress, log lines. Copied, bounded, and sent by a thread of its own,
/// so that `emit`, `progress` and `log` never block.
final class WorkerOutbox: Sendable {
    private struct Contents {
        var frames: [WorkerFrame] = []
        var bytes = 0
        /// The newest progress of each call: an older one that was not sent is of no interest.
        var progress: [UInt64: WorkerFrame] = [:]
        /// An event was refused: the host lists again.
        var resync = false
        var lostLines = 0
        var isClosed = false
    }

    static let mostFrames = 4_096
    static let mostBytes = 8 << 20

    private let contents = Mutex(Contents())
    /// Held from taking frames out until they are sent.
    private let sending = Mutex(())
    private let wake = Semaphore()

    /// False: the queue is full, and a RESYNC follows.
    func event(_ event: DriverEvent) -> Bool {
        var header = WorkerHeader("event")
        header["kind"] = "\(event.kind.rawValue)"
        header["time"] = "\(event.time)"
        let (list, body) = CallArgument.encode([.string(event.subject), .bytes(event.data)])
        header["values"] = list
        return put { contents in
            // After a refused one the rest is refused too until the RESYNC is on its way: order would be a lie.
            guard !contents.resync, WorkerOutbox.hasRoom(contents, for: body.count) else {
                contents.resync = true
                return false
            }
            contents.frames.append(WorkerFrame(header: header, body: body))
            contents.bytes += body.count
            return true
        }
    }

    func log(_ level: Int32, _ line: String) {
        let frame = WorkerFrame(header: WorkerHeader("log", 0, ["level": "\(level)"]), body: Array(line.utf8.prefix(4_096)))
        _ = put { contents in
            guard WorkerOutbox.hasRoom(contents, for: frame.body.count) else {
                contents.lostLines += 1
                return true
            }
            contents.frames.append(frame)
            contents.bytes += frame.body.count
            return true
        }
    }

    func progress(_ call: UInt64, _ fraction: Double, _ what: String) {
        let frame = WorkerFrame(
            header: WorkerHeader("progress", call, ["fraction": "\(fraction)"]), body: Array(what.utf8.prefix(1_024)))
        _ = put { contents in
            contents.progress[call] = frame
            return true
        }
    }

    /// Sends what a call said last, unless it is on its way: its answer is next, and nothing overtakes.
    func flush(_ call: UInt64, _ channel: WorkerChannel) {
        sending.withLock { _ in
            guard let frame = contents.withLock({ $0.progress.removeValue(forKey: call) }) else { return }
            try? channel.send(frame)
        }
    }

    /// Sends until `close`; then what is left.
    func run(_ channel: WorkerChannel) {
        while true {
            wake.wait()
            let isOver = sending.withLock { _ in
                let (frames, isClosed) = take()
                for frame in frames {
                    do { try channel.send(frame) } catch { return true }
                }
                return isClosed
            }
            if isOver { return }
        }
    }

    func close() {
        contents.withLock { $0.isClosed = true }
        wake.signal()
    }

    private func put(_ change: (inout Contents) -> Bool) -> Bool {
        let (answer, wasIdle) = contents.withLock { contents in
            let wasIdle = contents.frames.isEmpty && contents.progress.isEmpty && !contents.resync
            return (change(&contents), wasIdle)
        }
        if wasIdle { wake.signal() }
        return answer
    }

    private func take() -> (frames: [WorkerFrame], isClosed: Bool) {
        contents.withLock { contents in
            var frames = contents.frames + contents.progress.values
            if contents.lostLines > 0 {
                let text = "\(contents.lostLines) lines of the driver were lost: it logs faster than they can be written"
                frames.append(WorkerFrame(header: WorkerHeader("log", 0, ["level": "4"]), body: Array(text.utf8)))
            }
            if contents.resync {
                frames.append(
                    WorkerFrame(
                        header: WorkerHeader("event", 0, ["kind": "\(DriverEvent.Kind.resync.rawValue)", "time": "0", "values": "s0,b0"])))
            }
            let isClosed = contents.isClosed
            contents = Contents()
            contents.isClosed = isClosed
            return (frames, isClosed)
        }
    }

    private static func hasRoom(_ contents: borrowing Contents, for size: Int) -> Bool {
        contents.frames.count < mostFrames && contents.bytes + size <= mostBytes
    }
}
