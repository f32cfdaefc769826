import Bus
import Federation
import Model
import Platform
import PluginHost

extension HostAssembly {
    /// `[federation]` and the members of the configuration.
    var federation: FederationSettings { HostAssembly.federation(configuration, places) }

    static func federation(_ configuration: Configuration, _ places: Places) -> FederationSettings {
        let section = configuration.section("federation")
        let name = section?["name"] ?? configuration.host.section?["name"] ?? places.hostName
        var settings = FederationSettings(
            name: String(decoding: name.lowercased().utf8.prefix { $0 != UInt8(ascii: ".") }.prefix(32), as: UTF8.self),
            stateDirectory: places.state, keysDirectory: places.keys)
        // What a wildcard stands for the others cannot know.
        let said = section?.list("listen")?.first { !$0.contains("//0.0.0.0:") && !$0.contains("//*:") && !$0.contains("//[::]:") }
        settings.address = section?["address"] ?? said
        settings.isRendezvous = section?.bool("rendezvous") ?? false
        if let period = section?.duration("period") { settings.period = max(100, period) }
        if let ttl = section?.duration("ttl") { settings.ttl = max(500, ttl) }
        if let picker = section?["picker"].flatMap(Picker.Policy.init) { settings.picker = picker }
        if let section, let limit = limit(section, "offer") { settings.offer = limit }
        settings.allowed = section?.list("accept").map { Set($0) }
        settings.members = configuration.sections("member").compactMap(member)
        return settings
    }

    private static func member(_ section: Section) -> MemberSettings? {
        guard section.bool("enabled") ?? true, let text = section["key"], let key = CurveKeys.isKey(text) ? text : CurveKeys.key(hex: text)
        else { return nil }
        var member = MemberSettings(name: section.name, key: key, address: section["address"])
        member.isRendezvous = section.bool("rendezvous") ?? false
        member.mayBorrow = section.bool("accept") ?? true
        member.offer = limit(section, "offer") ?? Limit()
        member.accept = limit(section, "accept") ?? Limit()
        member.ttl = section.duration("ttl").map { max(500, $0) }
        member.isConfigured = true
        return member
    }

    private static func limit(_ section: Section, _ prefix: String) -> Limit? {
        Limit(section.entries(below: prefix).compactMap { name, entry in ValueParser.number(entry.value).map { (name, $0) } })
    }
}
