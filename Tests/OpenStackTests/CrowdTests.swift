import Foundation
import JSON
import PluginHost
import Synchronization
import TestSupport
import Testing

/// Many calls at once, against a stand-in that counts what it is asked.
@Suite("OpenStack, many calls at once")
struct CrowdTests {
    @Test("of thirty calls that wait for thirty servers, one asks for all: the questions do not grow with the calls")
    func oneLook() async throws {
        let ids = (0..<30).map { String(format: "00000000-0000-4000-8000-%012d", $0) }
        let servers = ScriptedServers(
            ids, outcomes: ["os-stop": Array(repeating: .init("ACTIVE", "powering-off"), count: 4) + [.init("SHUTOFF")]])
        let cloud = try RecordedCloud(servers.reply)
        defer { cloud.stop() }
        let provider = try cloud.provider()
        defer { provider.close() }
        let outcomes = await onThreads(ids.count) { provider.action(ids[$0], "stop") }
        #expect(outcomes.allSatisfy { $0.status == .ok }, "\(outcomes.filter { $0.status != .ok })")
        let gets = cloud.server.requests.filter { $0.method == "GET" && $0.path.hasPrefix("/v2.1/servers/") }
        #expect(gets.contains { $0.path.contains("changes-since=") })
        // Each alone would have asked four times.
        #expect(gets.count < ids.count * 2, "\(gets.count) questions for \(ids.count) servers")
    }

    @Test("a failure of the look that one call makes for all is told to all")
    func sharedFailure() async throws {
        let ids = (0..<6).map { String(format: "00000000-0000-4000-8000-%012d", $0) }
        let servers = ScriptedServers(ids, outcomes: ["os-stop": [.init("ACTIVE", "powering-off")]])
        let cloud = try RecordedCloud { request, before in
            if request.path.contains("changes-since=") { return .answer(403, body: "{\"forbidden\":{\"message\":\"not you\"}}") }
            return servers.reply(request, before)
        }
        defer { cloud.stop() }
        let provider = try cloud.provider()
        defer { provider.close() }
        let outcomes = await onThreads(ids.count) { provider.action(ids[$0], "stop", within: 20) }
        // The last one to wait is alone, asks for its own server, and runs into its deadline.
        #expect(outcomes.filter { $0.status == .denied }.count >= ids.count - 1, "\(outcomes)")
    }

    @Test("a login that is refused is tried once for all calls that wait for it, not once for each")
    func refusedLogin() async throws {
        let switched = Switch()
        let cloud = try RecordedCloud { request, _ in
            guard switched.isOn else { return nil }
            if request.path.hasPrefix("/v3/auth/tokens") {
                // Long enough for all of them to come and wait.
                usleep(1_500_000)
                guard let refused = try? RecordedCloud.recorded("06-auth-wrong-password") else { return nil }
                return .answer(refused.status, body: refused.body)
            }
            return request.path.hasPrefix("/v2.1/limits") ? .answer(401, body: "{\"error\":{\"code\":401}}") : nil
        }
        defer { cloud.stop() }
        let provider = try cloud.provider()
        defer { provider.close() }
        switched.turnOn()
        let outcomes = await onThreads(16) { _ in provider.call("health") }
        #expect(outcomes.allSatisfy { $0.status == .denied }, "\(outcomes)")
        #expect(cloud.logins.count < 8, "one to open, one for all: \(cloud.logins.count)")
    }

    @Test("a call waits for another call's login no longer than to its own deadline")
    func impatientFollower() async throws {
        let switched = Switch()
        let cloud = try RecordedCloud { request, _ in
            guard switched.isOn else { return nil }
            if request.path.hasPrefix("/v3/auth/tokens") { return .silence }
            return request.path.hasPrefix("/v2.1/limits") ? .answer(401, body: "{\"error\":{\"code\":401}}") : nil
        }
        defer { cloud.stop() }
        let provider = try cloud.provider()
        defer { provider.close() }
        switched.turnOn()
        let started = ContinuousClock.now
        let ends = await onThreads(2) { index -> (CallOutcome, Duration) in
            if index == 1 { while cloud.logins.count < 2 { usleep(10_000) } }
            let outcome = provider.call("health", within: index == 0 ? 6 : 1)
            return (outcome, ContinuousClock.now - started)
        }
        #expect(ends[1].0.status == .deadline, "\(ends[1].0)")
        #expect(ends[1].1 < ends[0].1, "\(ends)")
    }

    @Test("flavors, images and networks are asked for once, however many machines are made at the same time")
    func oneCatalog() async throws {
        let servers = ScriptedServers()
        let cloud = try RecordedCloud(servers.reply)
        defer { cloud.stop() }
        let provider = try cloud.provider()
        defer { provider.close() }
        let outcomes = await onThreads(20) { _ in provider.create(Provider.tiny) }
        #expect(outcomes.allSatisfy { $0.status == .ok }, "\(outcomes.filter { $0.status != .ok })")
        #expect(servers.alive.count == 20)
        func count(_ path: String) -> Int { cloud.server.requests.filter { $0.path.hasPrefix(path) }.count }
        #expect(count("/v2.1/flavors") == 1)
        #expect(count("/v2/images") == 1)
        #expect(cloud.server.requests.filter { $0.path == "/v2.1/" }.count == 1, "the version of the API")
    }

    @Test("what calls do to machines becomes events at once, long before the next look is due")
    func eventsAtOnce() async throws {
        let servers = ScriptedServers()
        let cloud = try RecordedCloud(servers.reply)
        defer { cloud.stop() }
        let provider = try cloud.provider(["poll_s": 3600])
        defer { provider.close() }
        func states(_ id: String) -> [String] {
            provider.events.all.filter { $0.subject == id }.compactMap { try? JSON(parsing: $0.data)["state"]?.string }
        }
        // What was there at the first list is no news; from then on everything is.
        var id = ""
        try await eventually("a new machine is told") {
            id = (try? JSON(parsing: provider.create(Provider.tiny).document)["id"]?.string) ?? ""
            return states(id).contains("running")
        }
        #expect(provider.action(id, "stop").status == .ok)
        let gone = provider.action(id, "destroy", within: 60)
        #expect(gone.status == .ok, "\(gone)")
        #expect(states(id).last == "gone" && states(id).contains("stopped"), "\(states(id))")
    }

    private final class Switch: Sendable {
        private let value = Atomic<Bool>(false)
        var isOn: Bool { value.load(ordering: .acquiring) }
        func turnOn() { value.store(true, ordering: .releasing) }
    }
}
