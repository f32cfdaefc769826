import CShim
import Glibc
import Platform
import Synchronization

/// The worker's end of the socket pair: blocking, read by one thread at a time, written by any.
///
/// The code around it is foreign. A driver may fork (the child must not speak in our name) or close descriptors that are
/// not its own (the next file that it opens would get our frames): both are looked for before each write.
final class WorkerChannel: Sendable {
    /// Why nothing more comes or goes.
    enum Failure: Error {
        /// The host is gone, or has hung up.
        case closed
        /// The descriptor is no longer our socket.
        case stolen
        case misunderstood(WorkerProtocolError)
    }

    let descriptor: Int32
    private let owner = getpid()
    private let inode: UInt
    private let input = Mutex(FrameStream())
    private let output = Mutex(())

    init?(descriptor: Int32) {
        guard let inode = WorkerChannel.socketInode(descriptor) else { return nil }
        self.descriptor = descriptor
        self.inode = inode
    }

    /// The next frame that `consume` does not want, and whether another one was read with it. Blocks; for the thread that has
    /// the turn.
    func receive(_ consume: (WorkerFrame) -> Bool) throws(Failure) -> (frame: WorkerFrame, hasMore: Bool) {
        let result = input.withLock { stream -> Result<(frame: WorkerFrame, hasMore: Bool), Failure> in
            while true {
                do throws(WorkerProtocolError) {
                    while let frame = try stream.next() {
                        if !consume(frame) { return .success((frame, stream.hasNext)) }
                    }
                } catch {
                    return .failure(.misunderstood(error))
                }
                switch stream.fill(from: descriptor, flags: 0) {
                case .some, .wouldBlock: continue
                case .end: return .failure(.closed)
                case .failed(let error): return .failure(error == EBADF || error == ENOTSOCK ? .stolen : .closed)
                }
            }
        }
        return try result.get()
    }

    /// Sends a frame, whole. Blocks while the host's buffer is full.
    func send(_ frame: WorkerFrame) throws(Failure) {
        let result = output.withLock { _ -> Result<Void, Failure> in
            guard getpid() == owner else { _exit(WorkerExit.forked) }
            guard WorkerChannel.socketInode(descriptor) == inode else { return .failure(.stolen) }
            return frame.send(to: descriptor, flags: 0).error == 0 ? .success(()) : .failure(.closed)
        }
        try result.get()
    }

    /// Wakes the threads that read: in `thread` isolation the end of the loop.
    func shutDown() {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    private static func socketInode(_ descriptor: Int32) -> UInt? {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
        return UInt(status.st_ino)
    }
}

/// With what a worker ends when nothing else says.
enum WorkerExit {
    static let done: Int32 = 0
    /// A child of the driver that came back into our code.
    static let forked: Int32 = 96
    /// The driver closed the channel.
    static let stolen: Int32 = 97
    static let misunderstood: Int32 = 98
}
