import Bus
import Glibc
import JSON
import Model
import Platform

/// Members that `berth members accept` brought: one file each, `members/NAME.json` in the state directory. Their keys lie with the other
/// keys, where the bus reads them.
struct MemberStore {
    let directory: String
    let keys: KeyDirectory

    init(_ settings: FederationSettings) {
        directory = "\(settings.stateDirectory)/members"
        keys = KeyDirectory(settings.keysDirectory)
    }

    func load() -> [MemberSettings] {
        Files.names(in: directory).filter { $0.hasSuffix(".json") }.compactMap { file in
            guard let bytes = try? Files.read("\(directory)/\(file)"), let json = try? JSON(parsing: bytes),
                let member = MemberSettings(stored: json), "\(member.name).json" == file
            else {
                Log.warning("this file is no member and is ignored", ["file": "\(directory)/\(file)"])
                return nil
            }
            return member
        }
    }

    func save(_ member: MemberSettings) throws(BerthError) {
        do throws(Files.Failure) {
            try Files.makeDirectory(directory, mode: 0o700)
            try Files.write("\(directory)/\(member.name).json", Array((member.stored.pretty + "\n").utf8), mode: 0o600)
        } catch {
            throw BerthError(.denied, "cannot write the member's file", native: error.description)
        }
    }

    func remove(_ name: String) { unlink("\(directory)/\(name).json") }

    /// Lets the member's key in, in the place of an older one of the same member.
    func allow(_ member: MemberSettings) throws(BerthError) {
        if let known = keys.list().first(where: { $0.name == member.name }) {
            if known.publicKey == member.key, known.role == .member { return }
            guard known.role == .member else {
                throw BerthError(
                    .conflict, "the name '\(member.name)' belongs to a key for \(known.role.rawValue)s",
                    hint: "berth keys revoke \(member.name), or give the member another name")
            }
            try keys.revoke(member.name)
        }
        try keys.allow(AllowedKey(name: member.name, publicKey: member.key, role: .member))
    }

    /// Takes the keys out of those who are no members any more.
    func revokeOthers(than names: Set<String>) {
        for key in keys.list() where key.role == .member && !names.contains(key.name) { try? keys.revoke(key.name) }
    }
}

extension MemberSettings {
    init?(stored json: JSON) {
        guard let name = json["name"]?.string, AllowedKey.isName(name), let key = json["key"]?.string, CurveKeys.isKey(key) else {
            return nil
        }
        self.init(name: name, key: key, address: json["address"]?.string)
        isRendezvous = json["rendezvous"]?.bool ?? false
        mayBorrow = json["may_borrow"]?.bool ?? true
        offer = Limit(json["offer"])
        accept = Limit(json["accept"])
        ttl = json["ttl_ms"]?.int.map { Int64($0) }
    }

    var stored: JSON {
        [
            "name": JSON(name), "key": JSON(key), "address": JSON(address), "rendezvous": JSON(isRendezvous), "may_borrow": JSON(mayBorrow),
            "offer": offer.json, "accept": accept.json, "ttl_ms": JSON(ttl.map(Int.init)),
        ]
    }
}

extension Limit {
    /// `{"cpus":8,"memory_mib":4096}`: what is absent is not limited.
    init(_ json: JSON?) {
        self.init()
        guard let json, json.object != nil else { return }
        if let cpus = json["cpus"]?.double { most.milliCPUs = Resources.milli(cpus) }
        if let memory = json["memory_mib"]?.int { most.memoryMiB = Int64(memory) }
        if let disk = json["disk_gib"]?.int { most.diskGiB = Int64(disk) }
        if let machines = json["machines"]?.int { most.machines = Int64(machines) }
    }

    var json: JSON {
        var json: JSON = .object(JSON.Object())
        if most.milliCPUs != .max { json["cpus"] = JSON(most.cpus) }
        if most.memoryMiB != .max { json["memory_mib"] = JSON(most.memoryMiB) }
        if most.diskGiB != .max { json["disk_gib"] = JSON(most.diskGiB) }
        if most.machines != .max { json["machines"] = JSON(most.machines) }
        return json
    }
}
