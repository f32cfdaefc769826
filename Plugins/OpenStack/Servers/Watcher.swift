import DriverHTTP
import Glibc
import PluginKit
import Synchronization

/// Makes the lookout look every few seconds, whether any call waits or not, and tells the host when the cloud is away and back.
/// A thread of its own: up when `init` returns, gone when `stop` returns.
final class Watcher: Sendable {
    private let lookout: Lookout
    private let host: Host
    private let period: Int64
    private let stopping = Atomic<Bool>(false)
    private let thread = Mutex<pthread_t?>(nil)

    init(_ lookout: Lookout, every milliseconds: Int64, _ host: Host) {
        self.lookout = lookout
        self.host = host
        period = milliseconds
        var id = pthread_t()
        let status = pthread_create(
            &id, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Watcher>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        if status == 0 {
            thread.withLock { $0 = id }
        } else {
            Unmanaged.passUnretained(self).release()
            host.warning("no thread to look for changes: \(String(cString: strerror(status)))")
        }
    }

    func stop() {
        stopping.store(true, ordering: .releasing)
        let id = thread.withLock { id in
            defer { id = nil }
            return id
        }
        if let id { pthread_join(id, nil) }
    }

    private func patience(_ milliseconds: Int64) -> HTTPPatience {
        HTTPPatience(after: milliseconds) { [self] in stopping.load(ordering: .acquiring) }
    }

    private func run() {
        var isUp = true
        while !stopping.load(ordering: .acquiring) {
            do {
                try lookout.look(every: period, patience(60_000))
                if !isUp {
                    host.emit(.health(isUp: true))
                    host.emit(.resync)
                }
                isUp = true
            } catch {
                if isUp, !stopping.load(ordering: .acquiring) { host.emit(.health(isUp: false, "\(error)")) }
                isUp = false
            }
            _ = patience(period * 2).wait(milliseconds: period)
        }
    }
}
