import PluginKit

/// Our element in a machine's metadata, in a namespace of our own: what makes a machine ours.
///
///     <berth:machine xmlns:berth="urn:berth:libvirt:1" key="…" cpus="0.5" disk-gib="10" image="…" created="…" state="building">
///       <berth:tag name="lease">l-…</berth:tag>
///     </berth:machine>
struct MachineMetadata: Sendable, Equatable {
    static let namespace = "urn:berth:libvirt:1"

    var key: String
    var cpus: Double?
    var diskGiB: Int?
    var image: String?
    var created: String?
    /// `create` has not finished: half of the machine may be missing.
    var isBuilding = false
    /// Lease, owner, and whatever else the host wants to find again.
    var tags: [Tag] = []

    struct Tag: Sendable, Equatable {
        var name: String
        var value: String
    }

    init(key: String) {
        self.key = key
    }

    /// A key that is not the machine's own UUID was copied from another machine (`virt-clone` keeps metadata): then the
    /// machine is not ours.
    init?(_ element: XMLNode, of id: MachineID) {
        guard element.name == "machine", let key = element.attribute("key"), MachineID(key) == id else { return nil }
        self.key = key
        cpus = element.attribute("cpus").flatMap { Double($0) }
        diskGiB = element.attribute("disk-gib").flatMap { Int($0) }
        image = element.attribute("image")
        created = element.attribute("created")
        isBuilding = element.attribute("state") == "building"
        tags = element.children("tag").map { Tag(name: $0.attribute("name") ?? "", value: $0.text) }
    }

    /// As part of a `<domain>`, with our prefix.
    var xml: XMLElement { xml(prefix: "berth:") }

    /// As `virDomainSetMetadata` wants it: that call adds the namespace and its prefix itself.
    var xmlWithoutNamespace: XMLElement { xml(prefix: "") }

    private func xml(prefix: String) -> XMLElement {
        var element = XMLElement(
            prefix + "machine",
            [
                "xmlns:berth": prefix.isEmpty ? nil : MachineMetadata.namespace, "key": key, "cpus": cpus.map { "\($0)" },
                "disk-gib": diskGiB.map { "\($0)" },
                "image": image, "created": created, "state": isBuilding ? "building" : nil,
            ])
        for tag in tags { element.add(XMLElement(prefix + "tag", ["name": tag.name], text: tag.value)) }
        return element
    }
}
