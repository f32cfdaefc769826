import Foundation
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Monitor

/// Real connections.
@Suite("TCP prober", .serialized)
struct TCPProberTests {
    final class Heard: Sendable {
        let results = Mutex<[String: String]>([:])

        func result(_ machine: String) async throws -> String {
            try await eventually("the probe of \(machine) ends") { results.withLock { $0[machine] } }
        }
    }

    @Test("a port that accepts is reached; one that refuses, never answers or is no address says so, and none waits for another")
    func probes() async throws {
        let server = try WebReceiver()
        defer { server.stop() }
        let heard = Heard()
        let prober = TCPProber { machine, failure in heard.results.withLock { $0[machine] = failure ?? "accepted" } }
        defer { prober.stop() }
        func probe(_ machine: String, _ address: String, _ port: Int) {
            prober.probe(MonitorStep.Probe(machine: machine, address: address, port: port, timeout: 2_000))
        }
        // A full backlog answers no more: that is a port which never answers, without leaving this machine.
        let silent = try SilentPort()
        defer { silent.close() }
        for number in 0..<20 { probe("silent-\(number)", "127.0.0.1", Int(silent.port)) }
        probe("open", "127.0.0.1", Int(server.port))
        probe("network", "127.0.0.1/8", Int(server.port))
        probe("refused", "127.0.0.1", 1)
        probe("nonsense", "not-an-address", 22)
        #expect(try await heard.result("open") == "accepted")
        #expect(try await heard.result("network") == "accepted")
        #expect(try await heard.result("refused") == "port 1 of 127.0.0.1: Connection refused")
        #expect(try await heard.result("nonsense") == "'not-an-address' is no address to connect to")
        #expect(try await heard.result("silent-19").contains("timed out"))
    }
}

/// A port whose queue of connections is full.
final class SilentPort {
    let port: UInt16
    private var sockets: [Int32] = []

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        var clients: [Int32] = []
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard bind(listener, pointer, size) == 0, listen(listener, 0) == 0, getsockname(listener, pointer, &size) == 0 else {
                    return false
                }
                for _ in 0..<8 {
                    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
                    _ = connect(client, pointer, size)
                    clients.append(client)
                }
                return true
            }
        }
        guard isBound else { throw CocoaError(.featureUnsupported) }
        sockets = [listener] + clients
        port = UInt16(bigEndian: address.sin_port)
    }

    func close() { for socket in sockets { Foundation.close(socket) } }
}
