import Bus
import JSON
import Model

/// What `berth top` shows, and what its keys do.
struct TopView {
    private var leases: [JSON] = []
    private var flavors: [JSON] = []
    private var providers: [JSON] = []
    private var selected: String?
    private var isOpen = false
    private var showsHelp = false
    /// A verb that waits for a yes.
    private var question: (verb: String, id: String, name: String)?
    private var order: (String, JSON)?
    private var said = ""
    /// Why what is shown may be old.
    var trouble: String?

    mutating func refresh(_ client: BusClient, _ owner: String?) async throws {
        let options = ClientOptions(deadline: 10_000, actingFor: owner)
        let states = LeaseState.allCases.filter { !$0.isFinal && $0 != .new }.map(\.rawValue)
        leases = try await client.request("lease.list", ["state": JSON(states), "limit": 1000], options)["leases"]?.array ?? []
        flavors = try await client.request("flavor.list", [:], options)["flavors"]?.array ?? []
        providers = (try? await client.request("provider.list", [:], options)["providers"]?.array) ?? providers
        trouble = nil
        if !leases.contains(where: { $0["id"]?.string == selected }) {
            selected = leases.first?["id"]?.string
            isOpen = false
        }
    }

    // MARK: keys

    /// True: that was the last one.
    mutating func press(_ key: Screen.Key) -> Bool {
        said = ""
        if let asked = question {
            question = nil
            if key == .letter("y") { order = (asked.verb, ["id": JSON(asked.id)]) }
            return false
        }
        switch key {
        case .letter("q"): return true
        case .escape:
            isOpen = false
            showsHelp = false
        case .up, .letter("k"): move(-1)
        case .down, .letter("j"): move(1)
        case .enter: isOpen.toggle()
        case .letter("?"), .letter("h"): showsHelp.toggle()
        case .letter("c"): ask("lease.cancel")
        case .letter("s"): ask("lease.suspend")
        case .letter("r"): ask("lease.resume")
        default: break
        }
        return false
    }

    private mutating func move(_ step: Int) {
        guard let place = leases.firstIndex(where: { $0["id"]?.string == selected }) else { return }
        selected = leases[min(max(place + step, 0), leases.count - 1)]["id"]?.string
    }

    private mutating func ask(_ verb: String) {
        guard let lease = leases.first(where: { $0["id"]?.string == selected }) else { return }
        question = (verb, LeaseTables.text(lease["id"]), LeaseTables.text(lease["name"]))
    }

    mutating func takeOrder() -> (String, JSON)? {
        defer { order = nil }
        return order
    }

    mutating func carryOut(_ client: BusClient, _ owner: String?, _ verb: String, _ body: JSON) async {
        do {
            _ = try await client.request(verb, body, ClientOptions(deadline: 30_000, actingFor: owner))
            said = "\(verb): done"
        } catch {
            said = "\(verb): \(error)"
        }
    }

    // MARK: picture

    func lines(width: Int, height: Int) -> [String] {
        var lines = [header, room, ""]
        if showsHelp {
            lines += [
                "  up, down (k, j)  choose a lease        enter  its machines", "  c  cancel it    s  suspend it    r  resume it",
                "  ?  this         q  end", "",
            ]
        }
        let table = LeaseTables.leases(leases).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if leases.isEmpty {
            lines.append("No leases. Make one: berth lease create --help")
        } else {
            lines.append(TopView.strong(TopView.cut(table[0], width)))
            lines += rows(Array(table.dropFirst()), width, max(3, height - lines.count - 2))
        }
        let end = question.map { "\($0.verb) \($0.name)? y for yes" } ?? trouble.map { "\($0); what is shown may be old" } ?? said
        let shown = Array(lines.prefix(max(1, height - 1)))
        return shown.map { $0.hasPrefix("\u{1B}") ? $0 : TopView.cut($0, width) } + [
            TopView.cut(end.isEmpty ? "? for help, q to end" : end, width)
        ]
    }

    private var header: String {
        var counts: [String: Int] = [:]
        for lease in leases { counts[lease["state"]?.string ?? "", default: 0] += 1 }
        let states = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        let machines = leases.flatMap { $0["machines"]?.array ?? [] }
        let running = machines.filter { $0["observed"]?.string == "running" }.count
        return "\(leases.count) leases\(states.isEmpty ? "" : " (\(states))"), \(machines.count) machines, \(running) running"
    }

    private var room: String {
        let fits = flavors.map { "\($0["fits"]?.text ?? "0") \(LeaseTables.text($0["name"]))" }.joined(separator: ", ")
        let ill = providers.filter { $0["state"]?.string != "ready" }.map {
            "\(LeaseTables.text($0["name"])) \(LeaseTables.text($0["state"]))"
        }
        return "room for \(fits.isEmpty ? "nothing that has a flavor" : fits)"
            + (ill.isEmpty ? "" : "; providers: \(ill.joined(separator: ", "))")
    }

    /// The rows that fit, around the chosen one, with its machines below it where they are asked for.
    private func rows(_ rows: [String], _ width: Int, _ height: Int) -> [String] {
        let place = leases.firstIndex { $0["id"]?.string == selected } ?? 0
        var below: [String] = []
        if isOpen, leases.indices.contains(place) {
            let machines = LeaseTables.machines(leases[place]["machines"]?.array ?? [], inLease: true)
            below = machines.split(separator: "\n").map { "    " + $0 }
        }
        let room = max(1, height - below.count)
        let first = min(max(0, place - room / 2), max(0, rows.count - room))
        var shown: [String] = []
        for index in first..<min(rows.count, first + room) {
            let row = TopView.cut(rows[index], width)
            shown.append(index == place ? TopView.chosen(row.padded(to: width > 500 ? row.count : width)) : row)
            if index == place { shown += below }
        }
        return shown
    }

    /// Without what only a terminal understands, and without blanks at the end.
    static func plain(_ text: String) -> String {
        var plain = ""
        var skips = false
        for character in text {
            if character == "\u{1B}" { skips = true } else if !skips { plain.append(character) } else if character == "m" { skips = false }
        }
        while plain.last == " " { plain.removeLast() }
        return plain
    }

    private static func cut(_ text: String, _ width: Int) -> String { text.count > width ? String(text.prefix(width)) : text }
    private static func strong(_ text: String) -> String { "\u{1B}[1m\(text)\u{1B}[0m" }
    private static func chosen(_ text: String) -> String { "\u{1B}[7m\(text)\u{1B}[0m" }
}
