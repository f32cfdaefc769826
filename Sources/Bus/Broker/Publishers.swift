/// The sockets that events go out by: one for `ipc`, one for TCP. Two, because a revoked key must lose what it subscribed, and
/// only a socket that is closed forgets its subscribers; those with other keys come again by themselves.
struct Publishers {
    final class Publisher {
        let socket: Socket
        var mayRead = true

        init(_ socket: consuming Socket) {
            self.socket = socket
        }
    }

    var local: Publisher?
    var remote: Publisher?
    /// The TCP one was closed and is to be opened again.
    private(set) var isClosed = false

    var mayRead: Bool { local?.mayRead ?? false || remote?.mayRead ?? false }

    var all: [Publisher] { [local, remote].compactMap { $0 } }

    mutating func closeRemote() {
        guard remote != nil else { return }
        remote = nil
        isClosed = true
    }

    mutating func opened(_ publisher: Publisher) {
        remote = publisher
        isClosed = false
    }
}
