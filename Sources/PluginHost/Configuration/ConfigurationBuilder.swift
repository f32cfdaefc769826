import Model

/// Checks sections and makes typed ones of them. Goes on after a problem, so that all are found.
struct ConfigurationBuilder {
    private(set) var sections: [Section]
    var configuration: Configuration
    var problems: [ConfigurationErrors.Problem] = []

    init(path: String, sections: [Section]) {
        self.sections = sections
        let host = HostSection(
            pluginPath: HostSection.defaultPluginPath(besides: path), isolation: .process, restart: .standard, section: nil)
        configuration = Configuration(path: path, host: host)
    }

    mutating func build() {
        sections = sections.filter { section in
            let found = SectionSchema.problems(of: section)
            problems += found
            return found.isEmpty || section.kind == "abi" || section.kind == "plugin"
        }
        configuration.sections = sections
        // In the order in which they need each other.
        each("host") { $0.host($1) }
        each("abi") { $0.abi($1) }
        each("plugin") { $0.plugin($1) }
        each("provider") { $0.provider($1) }
        each("flavor") { $0.flavor($1) }
        each("image") { $0.image($1) }
        each("member") { $0.member($1) }
        each("federation") { $0.federation($1) }
        each("notify") { $0.notify($1) }
        each("monitor") { $0.monitor($1) }
        oneThreadEach()
    }

    private mutating func each(_ kind: String, _ body: (inout ConfigurationBuilder, Section) -> Void) {
        for section in sections where section.kind == kind { body(&self, section) }
    }

    mutating func complain(_ location: SourceLocation, _ message: String, hint: String? = nil) {
        problems.append(.init(location, message, hint: hint))
    }

    private mutating func host(_ section: Section) {
        configuration.host.section = section
        if let path = section.entries.first(where: { $0.key == "plugin-path" }) {
            let base = folder(of: path.location.file)
            configuration.host.pluginPath = path.value.split(separator: ":").map { join(base, String($0)) }
        }
        if let isolation = section["isolation"].flatMap(Isolation.init) { configuration.host.isolation = isolation }
        if let restart = section["restart"].flatMap({ RestartBudget($0) }) { configuration.host.restart = restart }
    }

    // MARK: monitor

    private mutating func notify(_ section: Section) {
        let ways = ["command", "url"].filter { section[$0] != nil }
        if ways.count != 1 {
            complain(
                section.location, "[\(section.title)] has " + (ways.isEmpty ? "neither command nor url" : "both command and url"),
                hint: "write one of them")
        }
        if let url = section["url"], !SettingValue(url).isSecret, !url.hasPrefix("http://"), !url.hasPrefix("https://") {
            complain(location(of: "url", section), "'url' is neither http:// nor https://", hint: "a secret one: @file:PATH or @env:NAME")
        }
        let words = ["before-start", "start", "before-end", "end", "preemption", "failure"]
        for word in section.list("on") ?? [] where !words.contains(word) {
            let meant = nearest(word, among: words).map { "did you mean '\($0)'?" }
            complain(
                location(of: "on", section), "there is no '\(word)' to tell of", hint: meant ?? "known: \(words.joined(separator: ", "))")
        }
    }

    private mutating func monitor(_ section: Section) {
        let (grow, shrink) = (section.number("grow-above") ?? 0.9, section.number("shrink-below") ?? 0.5)
        guard shrink >= grow else { return }
        let key = section["shrink-below"] == nil ? "grow-above" : "shrink-below"
        complain(location(of: key, section), "a lease would shrink at a load (\(shrink)) at which it grows (\(grow))")
    }

    // MARK: abi

    private mutating func abi(_ section: Section) {
        let parts = section.name.split(separator: "/")
        guard parts.count == 2, let revision = Int(parts[1]) else { return }
        var abi = ABIDescription(name: String(parts[0]), revision: revision, aliases: [], calls: [])
        let before = problems.count
        for entry in section.entries {
            do throws(DeclarationError) {
                if entry.key.hasPrefix("type ") {
                    abi.aliases.append(try SignatureParser.alias(String(entry.key.dropFirst(5)), entry.value, known: abi.aliases))
                } else if entry.key.hasPrefix("call ") {
                    abi.calls.append(try SignatureParser.call(String(entry.key.dropFirst(5)), entry.value, aliases: abi.aliases))
                }
            } catch {
                complain(entry.location, "\(entry.key): \(error.message)", hint: error.hint)
            }
        }
        if abi.title == ABIDescription.compute.title {
            guard problems.count == before, abi != .compute else { return }
            complain(
                section.location, "[abi compute/1] is not the one of this host: \(difference(abi))",
                hint: "leave the section out, or write what `berth abi header` names")
        } else if abi.name == "compute" {
            complain(section.location, "this host speaks compute/1 only")
        } else if abi.calls.isEmpty {
            complain(section.location, "[abi \(abi.title)] declares no call", hint: "add call NAME = TYPE (…)")
        } else {
            configuration.abis.append(abi)
        }
    }

    private func difference(_ abi: ABIDescription) -> String {
        let (theirs, ours) = (abi.canonicalText.split(separator: "\n"), ABIDescription.compute.canonicalText.split(separator: "\n"))
        guard let index = ours.indices.first(where: { !theirs.indices.contains($0) || theirs[$0] != ours[$0] }) else {
            return "'\(theirs[ours.count])' is too much"
        }
        return theirs.indices.contains(index) ? "'\(theirs[index])' should be '\(ours[index])'" : "'\(ours[index])' is missing"
    }

    // MARK: plugin

    private mutating func plugin(_ section: Section) {
        let title = section["abi"] ?? ABIDescription.compute.title
        let style = section["style"].flatMap(PluginSection.Style.init) ?? .table
        var plugin = PluginSection(
            name: section.name, location: section.location, isEnabled: section.bool("enabled") ?? true, module: section["module"] ?? "",
            abi: title,
            sha256: section["sha256"]?.lowercased(), style: style, symbols: [:], capabilities: section.list("capabilities") ?? [],
            extraCalls: [])
        let abi = configuration.abi(title)
        if abi == nil {
            let meant =
                nearest(title, among: configuration.abis.map { $0.title }) ?? configuration.abis.map { $0.title }.joined(separator: ", ")
            complain(location(of: "abi", section), "no section declares the ABI '\(title)'", hint: "known: \(meant)")
        }
        if style == .table, section["capabilities"] != nil {
            complain(
                location(of: "capabilities", section), "a driver with a table states its own capabilities",
                hint: "take the line out, or write style = flat")
        }
        for entry in section.entries where entry.key.hasPrefix("call ") {
            let name = String(entry.key.dropFirst(5))
            do throws(DeclarationError) {
                if abi?.call(name) != nil { throw DeclarationError("\(title) has a call '\(name)' already") }
                plugin.extraCalls.append(try SignatureParser.call(name, entry.value, aliases: abi?.aliases ?? [], isExtra: true))
            } catch {
                complain(entry.location, "\(entry.key): \(error.message)", hint: error.hint)
            }
        }
        let calls = (abi?.calls ?? []).map(\.name) + plugin.extraCalls.map(\.name)
        for (name, entry) in section.entries(below: "symbol") {
            plugin.symbols[name] = entry.value
            guard abi != nil, !calls.contains(name) else { continue }
            let meant = nearest(name, among: calls).map { "did you mean 'symbol.\($0)'?" }
            complain(entry.location, "'\(entry.key)': there is no call '\(name)'", hint: meant ?? "known: \(calls.joined(separator: ", "))")
        }
        configuration.plugins.append(plugin)
    }

    func location(of key: String, _ section: Section) -> SourceLocation {
        section.entries.first { $0.key == key }?.location ?? section.location
    }

    // MARK: provider

    private mutating func provider(_ section: Section) {
        let host = configuration.host
        let provider = ProviderSection(
            name: section.name, location: section.location, isEnabled: section.bool("enabled") ?? true, plugin: section["plugin"] ?? "",
            isolation: section["isolation"].flatMap(Isolation.init) ?? host.isolation,
            restart: section["restart"].flatMap { RestartBudget($0) } ?? host.restart,
            threads: section.integer("threads") ?? 1, memory: section.size("memory"), descriptors: section.integer("descriptors"),
            overcommit: Dictionary(
                section.entries(below: "overcommit").compactMap { name, entry in ValueParser.number(entry.value).map { (name, $0) } },
                uniquingKeysWith: max),
            environment: settings(section, "env"), settings: settings(section, "config"), section: section)
        for variable in provider.environment
        where !variable.name.utf8.allSatisfy({ UInt8.isWord($0) }) || variable.name.first?.isNumber == true {
            complain(variable.location, "'env.\(variable.name)' is no name for a variable", hint: "use letters, digits and _")
        }
        guard let plugin = configuration.plugin(provider.plugin) else {
            let meant = nearest(provider.plugin, among: configuration.plugins.map(\.name)).map { "did you mean '\($0)'?" }
            complain(location(of: "plugin", section), "there is no [plugin \(provider.plugin)]", hint: meant ?? "declare it")
            return
        }
        let calls =
            (configuration.abi(plugin.abi)?.calls ?? []).map(\.name) + plugin.extraCalls.map(\.name)
            + (plugin.abi == ABIDescription.compute.title ? coreVerbs : [])
        for (name, entry) in section.entries(below: "deadline") where !calls.contains(name) && !name.contains(".") {
            let meant = nearest(name, among: calls).map { "did you mean 'deadline.\($0)'?" }
            complain(
                entry.location, "'\(entry.key)': there is no call or verb '\(name)'",
                hint: meant ?? "known: \(calls.joined(separator: ", "))")
        }
        configuration.providers.append(provider)
    }

    private func settings(_ section: Section, _ prefix: String) -> [ProviderSection.Setting] {
        section.entries(below: prefix).map { name, entry in
            .init(name: name, value: SettingValue(entry.value, in: folder(of: entry.location.file)), location: entry.location)
        }
    }

    /// The host maps a plugin once, and C libraries have state of the whole process.
    private mutating func oneThreadEach() {
        var taken: [String: ProviderSection] = [:]
        for provider in configuration.providers where provider.isolation == .thread && provider.isEnabled {
            if let first = taken.updateValue(provider, forKey: provider.plugin) {
                complain(
                    provider.location, "isolation = thread allows one provider a plugin, and [provider \(first.name)] has \(first.plugin)",
                    hint: "use isolation = process")
            }
        }
    }

    // MARK: flavor, image

    private mutating func flavor(_ section: Section) {
        guard let cpus = section.number("cpus"), let memory = section.integer("memory-mib") else { return }
        if (cpus * 1000).rounded() / 1000 != cpus { complain(location(of: "cpus", section), "'cpus' has more than three decimals") }
        configuration.flavors.append(
            FlavorSection(
                name: section.name, location: section.location, cpus: cpus, memoryMiB: memory, diskGiB: section.integer("disk-gib") ?? 0,
                section: section))
    }

    private mutating func image(_ section: Section) {
        let entries = section.entries.filter { !$0.key.hasPrefix("x-") }
        configuration.images.append(
            ImageSection(
                name: section.name, location: section.location, values: Dictionary(entries.map { ($0.key, $0.value) }) { first, _ in first }
            ))
        let known = sections.filter { $0.kind == "provider" || $0.kind == "member" }.map(\.name)
        for entry in entries where !known.contains(entry.key) {
            let meant = nearest(entry.key, among: known).map { "did you mean '\($0)'?" }
            configuration.warnings.append(
                .init(entry.location, "image '\(section.name)' names a provider '\(entry.key)' that is not there", hint: meant))
        }
    }
}

/// The verbs of `action` that every driver means the same by (DESIGN: the plugin ABI).
let coreVerbs = [
    "start", "stop", "reboot", "pause", "unpause", "suspend", "resume", "destroy", "resize", "snapshot", "restore", "console", "migrate",
    "renew", "agent",
]

extension UInt8 {
    /// A letter, a digit or `_`.
    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
