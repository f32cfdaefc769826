import Bus
import Glibc
import JSON
import Model

// A client of Berth in Swift, on the library that `berth` itself uses.
//
//   berth-client ENDPOINT plugins                     lists plugins
//   berth-client ENDPOINT request VERB [JSON]         sends one request, prints the answer
//   berth-client ENDPOINT events [AFTER [COUNT]]      follows events; AFTER -1 (the default) is from now on

/// Follows events until there were `left` of them; nil: for ever. Nothing is missed: each question starts where the answer before ended.
func follow(_ host: BusClient, after: Int, left: Int?) async throws {
    var (after, left) = (after, left)
    while left != 0 {
        let page = try await host.request(
            "events.since", ["after": JSON(after), "wait_ms": JSON(after < 0 ? 0 : 20_000)], ClientOptions(deadline: 30_000))
        for event in page["events"]?.array ?? [] where left != 0 {
            print(event["seq"]?.int ?? 0, event["topic"]?.string ?? "")
            fflush(nil)
            left = left.map { $0 - 1 }
        }
        after = page["next"]?.int ?? after
    }
}

let words = Array(CommandLine.arguments.dropFirst())
guard words.count >= 2 else {
    print("usage: berth-client ENDPOINT plugins | request VERB [JSON] | events [AFTER [COUNT]]")
    exit(2)
}
do {
    let host = try BusClient(ClientEndpoint(words[0]))
    defer { host.close() }
    let rest = words.dropFirst(2).map { $0 }
    switch words[1] {
    case "plugins":
        let answer = try await host.request("plugin.list", [:], ClientOptions(deadline: 30_000))
        for plugin in answer["plugins"]?.array ?? [] { print(plugin["name"]?.string ?? "", plugin["state"]?.string ?? "") }
    case "request" where !rest.isEmpty:
        let body = rest.count > 1 ? try JSON(parsing: rest[1]) : [:]
        print(try await host.request(rest[0], body, ClientOptions(deadline: 30_000)).text)
    case "events":
        try await follow(host, after: rest.first.flatMap { Int($0) } ?? -1, left: rest.count > 1 ? Int(rest[1]) : nil)
    default:
        print("unknown command \(words[1])")
        exit(2)
    }
} catch {
    print("\((error as? BerthError)?.code.rawValue ?? "failed"): \(error)")
    fflush(nil)
    exit(1)
}
