import Model

// `[member NAME]` and `[federation]`: what can be seen wrong before anything runs.
extension ConfigurationBuilder {
    private static let amounts = ["cpus", "memory-mib", "disk-gib", "machines"]

    mutating func member(_ section: Section) {
        let name = section.name
        let isName =
            name.utf8.count <= 32 && !["host", "local", "anywhere"].contains(name)
            && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D || $0 == 0x5F }
        if !isName {
            complain(
                section.location, "'\(name)' is no name for a member", hint: "1 to 32 of a-z, 0-9, - and _, and not host, local or anywhere"
            )
        }
        if configuration.provider(name) != nil {
            complain(section.location, "[provider \(name)] has this name already", hint: "members and providers share their names")
        }
        if let key = section["key"] {
            let isHex = key.utf8.count == 64 && key.allSatisfy { $0.isASCII && $0.isHexDigit }
            if !isHex && key.utf8.count != 40 {
                complain(
                    location(of: "key", section), "'key' is no public key",
                    hint: "the 64 hexadecimal digits at the end of what berth members invite printed there")
            }
        }
        address(section)
        limits(section, ["offer", "accept"])
    }

    mutating func federation(_ section: Section) {
        address(section)
        limits(section, ["offer"])
    }

    private mutating func address(_ section: Section) {
        guard let address = section["address"], !address.hasPrefix("tcp://") else { return }
        complain(location(of: "address", section), "'\(address)' is no address of a host", hint: "write tcp://HOST:PORT")
    }

    private mutating func limits(_ section: Section, _ prefixes: [String]) {
        for prefix in prefixes {
            for (name, entry) in section.entries(below: prefix) where !Self.amounts.contains(name) {
                let meant = nearest(name, among: Self.amounts).map { "did you mean '\(prefix).\($0)'?" }
                complain(
                    entry.location, "'\(entry.key)': nothing called '\(name)' is counted",
                    hint: meant ?? "known: cpus, memory-mib, disk-gib, machines")
            }
        }
    }
}
