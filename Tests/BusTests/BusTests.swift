import Bus
import Foundation
import Frames
import JSON
import Model
import Platform
import Testing

/// A component for tests: echoes, fails, drops, waits.
final class Echo: Component {
    static let description = ComponentDescription(
        name: "echo",
        verbs: [
            Verb("echo.say"), Verb("echo.fail"), Verb("echo.drop"), Verb("echo.hold"), Verb("echo.inner", .components),
            Verb("echo.ask"), Verb("echo.admin", .operators), Verb("echo.event"),
        ]
    ) { Echo($0) }

    private let context: any ComponentContext
    private var held: [Request] = []

    init(_ context: any ComponentContext) { self.context = context }

    func handle(_ batch: [Request]) {
        for request in batch {
            switch request.verb {
            case "echo.fail": request.fail(BerthError(.exhausted, "no room", hint: "wait"), details: ["earliest": "2026-01-01T00:00:00Z"])
            case "echo.drop": break
            case "echo.hold":
                let gone = context.hop { (_: Bool) in request.fail(BerthError(.cancelled, "given up")) }
                request.onCancel { gone(true) }
                held.append(request)
            case "echo.ask":
                context.request("echo.inner", ["n": 7], RequestOptions(deadline: 5000)) { answer in
                    request.ok(["inner": answer.body, "status": .string(answer.status.rawValue)])
                }
            case "echo.event":
                context.publish("lease.l-1.active", ["seq": 1], owner: request.account.owner)
                request.ok()
            default:
                request.ok(["verb": .string(request.verb), "owner": .string(request.account.owner), "body": (try? request.json()) ?? .null])
            }
        }
    }
}

/// A bus in a directory of its own, which goes with it.
final class TestBus: Sendable {
    let directory: String
    let bus: Bus

    init(_ components: [ComponentDescription] = [Echo.description], _ change: (inout BusSettings) -> Void = { _ in }) throws {
        directory = "/tmp/berth-bus-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var settings = BusSettings(runDirectory: directory)
        settings.keysDirectory = "\(directory)/keys"
        change(&settings)
        bus = try Bus(settings, components: components)
    }

    func client() throws -> BusClient { try BusClient(ClientEndpoint("ipc://\(directory)/bus")) }

    func stop() {
        bus.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }
}

@Suite("bus")
struct BusTests {
    @Test("a request is answered with the body of its component and the account of its sender")
    func echo() async throws {
        let bus = try TestBus()
        defer { bus.stop() }
        let client = try bus.client()
        defer { client.close() }
        let answer = try await client.request("echo.say", ["a": 1])
        #expect(answer["body"]?["a"] == 1)
        #expect(answer["owner"]?.string == "uid:\(getuid())")
        #expect(try await client.request("host.ping", ["x": 2]) == ["x": 2])
        #expect(try await client.request("host.info")["account"]?["role"] == "operator")
    }

    @Test("an error carries its class, its words and what is beside them")
    func fails() async throws {
        let bus = try TestBus()
        defer { bus.stop() }
        let client = try bus.client()
        defer { client.close() }
        await #expect(throws: BerthError(.exhausted, "no room", hint: "wait")) { try await client.request("echo.fail") }
        await #expect { try await client.request("echo.drop") } throws: { ($0 as? BerthError)?.code == .broken }
        await #expect { try await client.request("no.such") } throws: { ($0 as? BerthError)?.code == .unsupported }
        await #expect { try await client.request("echo.inner") } throws: { ($0 as? BerthError)?.code == .unsupported }
    }

    @Test("a request that is not answered in time is answered deadline, and its component hears of it")
    func deadline() async throws {
        let bus = try TestBus()
        defer { bus.stop() }
        let client = try bus.client()
        defer { client.close() }
        await #expect { try await client.request("echo.hold", [:], ClientOptions(deadline: 50)) } throws: {
            ($0 as? BerthError)?.code == .deadline
        }
    }

    @Test("a cancelled task takes its request back")
    func cancel() async throws {
        let bus = try TestBus()
        defer { bus.stop() }
        let client = try bus.client()
        defer { client.close() }
        let task = Task { try await client.request("echo.hold") }
        while try await client.request("host.metrics")["in_flight"] == 0 { await Task.yield() }
        task.cancel()
        await #expect { try await task.value } throws: { ($0 as? BerthError)?.code == .cancelled }
    }

    @Test("components ask each other over the bus")
    func inner() async throws {
        let bus = try TestBus()
        defer { bus.stop() }
        let client = try bus.client()
        defer { client.close() }
        let answer = try await client.request("echo.ask")
        #expect(answer["status"] == "ok")
        #expect(answer["inner"]?["owner"] == "component:echo")
    }

    @Test("the same key joins, is remembered once it was ok, and conflicts with another body")
    func keys() async throws {
        let bus = try TestBus()
        defer { bus.stop() }
        let client = try bus.client()
        defer { client.close() }
        let first = try await client.request("echo.say", ["a": 1], ClientOptions(key: "k"))
        #expect(try await client.request("echo.say", ["a": 1], ClientOptions(key: "k")) == first)
        await #expect { try await client.request("echo.say", ["a": 2], ClientOptions(key: "k")) } throws: {
            ($0 as? BerthError)?.code == .conflict
        }
    }

    @Test("where nobody listens a request is unreachable at once")
    func unreachable() async throws {
        let client = try BusClient(ClientEndpoint("ipc:///tmp/berth-nobody-\(UUID().uuidString)"))
        defer { client.close() }
        await #expect { try await client.request("host.ping") } throws: { ($0 as? BerthError)?.code == .unreachable }
    }

    @Test("a component behind the backend answers, and its requests are answered retry when it goes")
    func backend() async throws {
        let other = ComponentDescription(name: "far", verbs: [Verb("far.say"), Verb("far.hold")]) { _ in Far() }
        let bus = try TestBus([Echo.description]) { $0.known = [other] }
        defer { bus.stop() }
        let token = try KeyDirectory("\(bus.directory)/keys").token(for: "far")
        let link = try BackendLink(ClientEndpoint("ipc://\(bus.directory)/backend"), token: token, component: other)
        let client = try bus.client()
        defer { client.close() }
        #expect(try await client.request("far.say", ["n": 1])["n"] == 1)
        let task = Task { try await client.request("far.hold") }
        while try await client.request("host.metrics")["in_flight"] == 0 { await Task.yield() }
        link.stop()
        await #expect { try await task.value } throws: { [.retry, .broken].contains(($0 as? BerthError)?.code) }
        #expect(throws: BerthError.self) {
            try BackendLink(ClientEndpoint("ipc://\(bus.directory)/backend"), token: "far.0000", component: other)
        }
    }
}

final class Far: Component {
    private var held: [Request] = []

    func handle(_ batch: [Request]) {
        for request in batch {
            if request.verb == "far.hold" { held.append(request) } else { request.ok(bytes: request.body) }
        }
    }
}
