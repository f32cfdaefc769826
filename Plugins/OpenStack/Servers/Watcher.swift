import DriverHTTP
import Glibc
import JSON
import PluginKit
import Synchronization

/// Looks for changes every few seconds with `changes-since`, which lists only what changed, deleted servers too, and tells the
/// host what is new. A thread of its own: up when `init` returns, gone when `stop` returns.
final class Watcher: Sendable {
    private let cloud: Cloud
    private let host: Host
    private let period: Int64
    private let stopping = Atomic<Bool>(false)
    private let thread = Mutex<pthread_t?>(nil)

    init(_ cloud: Cloud, _ host: Host) {
        self.cloud = cloud
        self.host = host
        period = Int64(cloud.settings.pollSeconds) * 1000
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
        var seen: [String: String] = [:]
        var since: Int?
        var isUp = true
        while !stopping.load(ordering: .acquiring) {
            do {
                // A little overlap: the cloud's clock and ours differ, and its rows become visible late.
                let started = time(nil)
                try look(since: since, &seen, isFirst: since == nil)
                since = started - 10
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

    /// One look. What is listed again without a change is not told again.
    private func look(since: Int?, _ seen: inout [String: String], isFirst: Bool) throws(DriverError) {
        let query = since.map { "&changes-since=\(rfc3339(unixMilliseconds: Int64($0) * 1000))" } ?? ""
        var found: [Server] = []
        try Servers(cloud: cloud).each(patience(60_000), query: query) { (server) throws(DriverError) in found.append(server) }
        for server in found {
            let state = "\(server.status) \(server.addresses)"
            guard seen[server.id] != state else { continue }
            if server.state == .gone {
                guard seen.removeValue(forKey: server.id) != nil else { continue }
            } else {
                seen[server.id] = state
            }
            if !isFirst { host.emit(.state(server.machine())) }
        }
    }
}
