import DriverHTTP
import JSON
import PluginKit
import Synchronization

/// `create`, exactly once: a server carries its key in its name and in its metadata, and is looked for before it is made.
struct Creation {
    let cloud: Cloud
    let servers: Servers
    let lookout: Lookout
    let directory: Directory
    let lostAnswers: LostAnswers
    let patience: HTTPPatience

    func run(_ spec: Spec, key: String) throws(DriverError) -> Machine {
        let since = cloud.now
        if let server = try servers.find(key: key, patience).first { return try settle(server, key, since) }
        let body = try body(spec, key: key)
        let id: String
        do throws(DriverError) {
            id = try servers.create(body, patience)
        } catch {
            throw try failed(error, key)
        }
        return try settle(Server(json: ["id": .string(id)]), key, since)
    }

    /// The request was refused, or its answer lost. A refusal is a promise that nothing is there; it is none while an earlier
    /// request with this key, its answer lost, may still be under way - and have taken the last of the quota.
    private func failed(_ error: DriverError, _ key: String) throws(DriverError) -> DriverError {
        guard error.status.promisesNothing || error.status == .notFound else {
            lostAnswers.add(key)
            return error
        }
        guard try servers.find(key: key, patience).isEmpty, !lostAnswers.isRecent(key) else {
            return .retry("an earlier request for this server may still be under way", native: error.native ?? error.message)
        }
        // A flavor, image or network went away in between.
        return error.status == .notFound ? .invalid(error.message, native: error.native) : error
    }

    /// Waits a while for the server to run or to fail. One that failed is removed, so that the error is a promise. Another call
    /// with this key may have been under way, its answer lost: the oldest server stays, the others go.
    private func settle(_ server: Server, _ key: String, _ since: Int64) throws(DriverError) -> Machine {
        var alive = [server]
        if server.state == .building || server.state == .unknown {
            let limit = Int64(cloud.settings.settleSeconds) * 1000
            alive = try lookout.wait(server.id, key: key, since: since, atMost: limit, patience) { seen in
                seen.first { $0.id == server.id }.map { $0.state != .building } ?? false
            }.servers.filter { $0.state != .gone && $0.taskState != "deleting" }
            guard !alive.isEmpty else {
                throw .retry("the server is made, but the cloud does not list it yet, or it was deleted meanwhile")
            }
        }
        let removal = Removal(cloud: cloud, servers: servers, lookout: lookout, patience: patience)
        alive.sort { ($0.created, $0.id) < ($1.created, $1.id) }
        for double in alive.dropFirst() { try removal.run(double) }
        guard let stays = alive.first, stays.state == .error else { return alive[0].machine() }
        let fault = stays.fault ?? (500, "no reason given")
        try removal.run(stays)
        throw Self.failure(fault.code, fault.words)
    }

    /// What a server in ERROR means: no room, or a failure of the cloud's own.
    static func failure(_ code: Int, _ words: String) -> DriverError {
        let lower = words.lowercased()
        let isFull = code == 403 || code == 413 || ["no valid host", "quota", "exceeded", "exhausted"].contains { lower.contains($0) }
        let native = "fault \(code): \(words)"
        return isFull
            ? .exhausted("the cloud has no room for the server", native: native)
            : .conflict("the cloud failed to build the server, which is removed", native: native)
    }

    // MARK: The request

    private func body(_ spec: Spec, key: String) throws(DriverError) -> JSON {
        let flavor = try directory.flavor(for: spec, patience)
        var metadata: JSON = [Server.Mark.key: .string(key)]
        for tag in spec.tags { metadata["berth_\(tag.name)"] = .string(tag.value) }
        var body: JSON = ["name": .string("\(spec.name.prefix(26))-\(key)"), "flavorRef": .string(flavor.id)]
        body["networks"] = try networks(spec)
        if !cloud.settings.securityGroups.isEmpty {
            body["security_groups"] = .array(cloud.settings.securityGroups.map { ["name": .string($0)] })
        }
        if let zone = spec.node ?? cloud.settings.availabilityZone, zone != Project.node { body["availability_zone"] = .string(zone) }
        try source(spec, flavor, &body)
        if let first = spec.publicKeys.first {
            let name = "berth-\(key)"
            try keyPair(name, first)
            body["key_name"] = .string(name)
            metadata[Server.Mark.keyPair] = .string(name)
        }
        if let data = try userData(spec) { body["user_data"] = .string(Base64.encoded(Array(data.utf8))) }
        body["metadata"] = metadata
        return body
    }

    /// The image, or a volume made of it, or a volume that is there: `volume=ID`.
    private func source(_ spec: Spec, _ flavor: Flavor, _ body: inout JSON) throws(DriverError) {
        guard let image = spec.image ?? nil, !image.isEmpty else { throw .invalid("the spec names no image") }
        body["imageRef"] = ""
        if image.hasPrefix("volume=") {
            body["block_device_mapping_v2"] = [
                ["boot_index": 0, "source_type": "volume", "destination_type": "volume", "uuid": .string(String(image.dropFirst(7)))]
            ]
            return
        }
        let id = try directory.image(image, patience)
        guard cloud.settings.bootsFromVolume else {
            body["imageRef"] = .string(id)
            return
        }
        let size = cloud.settings.volumeGiB ?? max(1, spec.diskGiB ?? flavor.diskGiB)
        body["block_device_mapping_v2"] = [
            [
                "boot_index": 0, "source_type": "image", "destination_type": "volume", "uuid": .string(id), "volume_size": JSON(size),
                "delete_on_termination": true,
            ]
        ]
    }

    private func networks(_ spec: Spec) throws(DriverError) -> JSON {
        let names = spec.networks.isEmpty ? cloud.settings.networks : spec.networks
        guard !names.isEmpty else { return "none" }
        guard spec.addresses.count <= names.count else { throw .invalid("there are more addresses than networks") }
        var list: [JSON] = []
        for (index, name) in names.enumerated() {
            var network: JSON = ["uuid": .string(try directory.network(name, patience))]
            if index < spec.addresses.count { network["fixed_ip"] = .string(spec.addresses[index]) }
            list.append(network)
        }
        return .array(list)
    }

    /// `POST /os-keypairs`; one that is there under the name is the one that an earlier call made.
    private func keyPair(_ name: String, _ publicKey: String) throws(DriverError) {
        do throws(DriverError) {
            try cloud.send(
                "POST", .compute, "/os-keypairs", json: ["keypair": ["name": .string(name), "public_key": .string(publicKey)]], patience)
        } catch  where error.status == .conflict {}
    }

    /// Nova takes one key with a server; more travel as cloud-config, where nothing else does.
    private func userData(_ spec: Spec) throws(DriverError) -> String? {
        guard spec.publicKeys.count > 1 else { return spec.userData }
        guard spec.userData == nil else { throw .invalid("OpenStack takes one public key beside user_data, not \(spec.publicKeys.count)") }
        let lines = spec.publicKeys.map { "  - \(JSON.string($0).text)\n" }
        return "#cloud-config\nssh_authorized_keys:\n" + lines.joined()
    }
}

/// Keys of requests that may have been acted on although nobody heard the answer, for two minutes each.
final class LostAnswers: Sendable {
    private let keys = Mutex<[String: ContinuousClock.Instant]>([:])

    func add(_ key: String) {
        keys.withLock { keys in
            keys = keys.filter { $0.value > .now }
            keys[key] = .now + .seconds(120)
        }
    }

    func isRecent(_ key: String) -> Bool {
        keys.withLock { ($0[key] ?? .now) > .now }
    }
}

enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encoded(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let chunk = bytes[start..<min(start + 3, bytes.count)]
            let bits = chunk.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - chunk.count))
            for position in 0..<4 {
                out.append(position <= chunk.count ? alphabet[Int(bits >> UInt32(18 - 6 * position)) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
