import JSON
import Model
import Planner

// What a request names, and what that means here: flavors, images, requirements.
extension SchedulerCore {
    /// A flavor of the configuration, else a size of a provider's catalog.
    func flavor(_ name: String) -> Flavor? {
        if let flavor = settings.flavors.first(where: { $0.name == name }) { return flavor }
        for provider in providerOrder {
            if let size = provider.sizes.first(where: { $0.name == name }) { return size }
        }
        return nil
    }

    func size(of group: Model.Group, at index: Int) throws(BerthError) -> Size {
        if let size = group.size { return size }
        guard let name = group.flavor, let flavor = flavor(name) else {
            let known = settings.flavors.map(\.name) + providerOrder.flatMap { $0.sizes.map(\.name) }
            let meant = nearest(group.flavor ?? "", among: known).map { "did you mean '\($0)'?" }
            throw BerthError(
                .invalid, "there is no flavor '\(group.flavor ?? "")'", hint: meant ?? "see: berth flavors",
                field: "groups[\(index)].flavor")
        }
        return flavor.size
    }

    /// What goes into `spec.image` at a provider; nil: the provider has no such image.
    func image(_ name: String, at provider: ProviderEntry) -> String? {
        if let image = settings.images.first(where: { $0.name == name }) {
            // A member knows its own images: what is called the same there will do.
            if let value = image.byProvider[provider.name] { return value }
            if provider.member == nil { return nil }
        }
        return provider.images.first { $0.name == name || $0.id == name }?.id
    }

    /// The providers that have an image. Which those are may change; a create asks again.
    private func providers(with image: String, field: String) throws(BerthError) -> [String] {
        let having = providerOrder.filter { self.image(image, at: $0) != nil }.map(\.name)
        guard having.isEmpty, !settings.images.contains(where: { $0.name == image }) else { return having }
        guard !providerOrder.contains(where: { $0.isComing }) else {
            throw BerthError(.retry, "no provider that is ready has an image '\(image)'", field: field)
        }
        let known = settings.images.map(\.name) + providerOrder.flatMap { $0.images.map(\.name) }
        let meant = nearest(image, among: known).map { "did you mean '\($0)'?" }
        throw BerthError(.invalid, "there is no image '\(image)'", hint: meant ?? "see: berth images", field: field)
    }

    func planGroup(_ group: Model.Group, _ size: Size, count: Int, index: Int = 0) throws(BerthError) -> Plan.Group {
        var requirement = group.requirements
        if let image = group.image {
            let having = try providers(with: image, field: "groups[\(index)].image")
            if having.count < providerOrder.count { requirement = Self.only(having, and: requirement) }
        }
        let style: Plan.Group.Style =
            switch group.placement {
            case .spread: .spread
            case .pack: .pack
            case nil: settings.style
            }
        return Plan.Group(name: group.name, count: count, each: size.resources, requirement: requirement, style: style)
    }

    private static func only(_ providers: [String], and requirement: Requirement?) -> Requirement {
        let terms = providers.map { Requirement.Term.compare(.name("provider"), .equal, .value(.text($0))) }
        let limit: Requirement.Term = terms.count == 1 ? terms[0] : .any(terms)
        guard let requirement else { return Requirement(limit) }
        return Requirement(.all(requirement.conjuncts.map(\.term) + [limit]))
    }

    /// The document that `create` gets.
    func spec(_ machine: Machine, of lease: Lease, at provider: ProviderEntry) -> JSON {
        let group = lease.terms.groups.first { $0.name == machine.group }
        var spec: JSON = ["name": JSON(machine.name)]
        machine.size.write(to: &spec)
        if let image = group?.image { spec["image"] = JSON(self.image(image, at: provider)) }
        if let networks = group?.networks, !networks.isEmpty { spec["networks"] = JSON(networks) }
        if let node = machine.node { spec["node"] = JSON(node) }
        if let userData = group?.userData { spec["user_data"] = JSON(userData) }
        if let keys = group?.publicKeys, !keys.isEmpty { spec["public_keys"] = JSON(keys) }
        var tags = lease.terms.tags
        tags["berth.lease"] = lease.id.description
        tags["berth.owner"] = lease.owner
        spec["tags"] = .object(
            JSON.Object(fields: tags.sorted { $0.key < $1.key }.map { JSON.Object.Field(name: $0.key, value: JSON($0.value)) }))
        return spec
    }

    func newMachine(_ id: MachineID, of entry: LeaseEntry, group: Int, ordinal: Int) -> Machine {
        let lease = entry.lease
        let terms = lease.terms.groups[group]
        return Machine(
            id: id, lease: lease.id, group: terms.name, ordinal: ordinal,
            name: Self.label(lease: lease.terms.name, group: lease.terms.groups.count > 1 ? terms.name : nil, ordinal: ordinal, id: id),
            size: lease.plan.sizes[group], created: now.real)
    }

    /// An RFC 1123 label that no other machine has: what a person called it, and eight digits of its key.
    private static func label(lease: String?, group: String?, ordinal: Int, id: MachineID) -> String {
        func clean(_ text: String, _ limit: Int) -> String {
            var out = ""
            for byte in text.utf8.prefix(limit) {
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    out.append(Character(Unicode.Scalar(byte)))
                case UInt8(ascii: "A")...UInt8(ascii: "Z"): out.append(Character(Unicode.Scalar(byte + 32)))
                default: if !out.isEmpty, !out.hasSuffix("-") { out.append("-") }
                }
            }
            while out.hasSuffix("-") { out.removeLast() }
            return out
        }
        let parts = [clean(lease ?? "", 24), clean(group ?? "", 16), String(ordinal), String(id.description.suffix(8))]
        let text = parts.filter { !$0.isEmpty }.joined(separator: "-")
        return text.first?.isLetter == true ? text : "vm-" + text
    }
}
