import CShim
import Glibc
import Platform
import Synchronization

/// Tries to connect to machines, many at once, on a thread of its own: no probe holds up the bus, and none another.
final class TCPProber: Sendable {
    private let mailbox = Mailbox<Order>()
    private let thread: OSThread?

    private enum Order: Sendable {
        case probe(MonitorStep.Probe)
        case stop
    }

    /// `ended` is called on the prober's thread; nil: the machine accepted the connection.
    init(ended: @escaping @Sendable (_ machine: String, _ failure: String?) -> Void) {
        let mailbox = mailbox
        thread = OSThread("berth-probe") { TCPProber.run(mailbox, ended) }
        if thread == nil { Log.error("the system has no thread left for probes: no machine with ready = tcp:PORT will be ready") }
    }

    func probe(_ probe: MonitorStep.Probe) { mailbox.put(.probe(probe)) }

    func stop() {
        mailbox.put(.stop)
        thread?.join()
    }

    private struct Flight {
        var probe: MonitorStep.Probe
        var socket: Int32
        var deadline: Int64
    }

    private static func run(_ mailbox: Mailbox<Order>, _ ended: (String, String?) -> Void) {
        var flights: [Flight] = []
        var orders: [Order] = []
        defer { for flight in flights { close(flight.socket) } }
        while true {
            let wait = flights.map(\.deadline).min().map { Int32(clamping: max(0, $0 - Clock.monotonic)) } ?? -1
            var set = [pollfd(fd: mailbox.wake.descriptor, events: Int16(POLLIN), revents: 0)]
            set += flights.map { pollfd(fd: $0.socket, events: Int16(POLLOUT), revents: 0) }
            if poll(&set, nfds_t(set.count), wait) > 0, set[0].revents != 0 { mailbox.wake.clear() }
            let now = Clock.monotonic
            var still: [Flight] = []
            for (index, flight) in flights.enumerated() {
                if set[index + 1].revents != 0 {
                    ended(flight.probe.machine, outcome(flight.socket).map { describe(flight.probe, $0) })
                } else if flight.deadline <= now {
                    ended(flight.probe.machine, describe(flight.probe, ETIMEDOUT))
                } else {
                    still.append(flight)
                    continue
                }
                close(flight.socket)
            }
            flights = still
            mailbox.take(into: &orders)
            for order in orders {
                guard case .probe(let probe) = order else { return }
                switch begin(probe) {
                case .success(let socket): flights.append(Flight(probe: probe, socket: socket, deadline: now + probe.timeout))
                case .failure(let failure): ended(probe.machine, describe(probe, failure.code))
                }
            }
            orders.removeAll(keepingCapacity: true)
        }
    }

    private struct Failure: Error { var code: Int32 }

    private static func begin(_ probe: MonitorStep.Probe) -> Result<Int32, Failure> {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        // A driver may give an address with its network: 10.0.0.5/24.
        let address = probe.address.split(separator: "/").first.map(String.init) ?? ""
        guard getaddrinfo(address, "\(probe.port)", &hints, &found) == 0, let info = found else { return .failure(Failure(code: EINVAL)) }
        defer { freeaddrinfo(info) }
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(info.pointee.ai_family, flags, 0)
        guard descriptor >= 0 else { return .failure(Failure(code: cshim_errno())) }
        if connect(descriptor, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 { return .success(descriptor) }
        let code = cshim_errno()
        if code == EINPROGRESS { return .success(descriptor) }
        close(descriptor)
        return .failure(Failure(code: code))
    }

    /// How a connect ended (`SO_ERROR`); nil: well.
    private static func outcome(_ descriptor: Int32) -> Int32? {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else { return cshim_errno() }
        return code == 0 ? nil : code
    }

    private static func describe(_ probe: MonitorStep.Probe, _ code: Int32) -> String {
        if code == EINVAL { return "'\(probe.address)' is no address to connect to" }
        return "port \(probe.port) of \(probe.address): \(String(cString: strerror(code)))"
    }
}
