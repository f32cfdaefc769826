import DriverHTTP
import JSON
import PluginKit
import Synchronization

/// What the cloud offers, by id and by name: flavors, images, networks. Remembered for a minute, and asked for again before
/// anything is said not to exist.
final class Directory: Sendable {
    private let cloud: Cloud
    private let flavorList = Kept<Flavor>()
    private let imageList = Kept<Catalog.Image>()
    private let networkList = Kept<Catalog.Network>()

    private final class Kept<Item: Sendable>: Sendable {
        private let held = Mutex<(items: [Item], until: Int64)>(([], 0))
        private let loads = Shared<[Item]>()

        func get(
            _ patience: HTTPPatience, fresh: Bool, _ load: () throws(DriverError) -> [Item]
        ) throws(DriverError) -> [Item] {
            let held = self.held.withLock { $0 }
            if !fresh, Monotonic.now < held.until { return held.items }
            return try loads.get(joining: !fresh, patience) { () throws(DriverError) in
                let items = try load()
                self.held.withLock { $0 = (items, Monotonic.now + 60_000) }
                return items
            }
        }
    }

    init(_ cloud: Cloud) {
        self.cloud = cloud
    }

    /// `GET /flavors/detail`
    func flavors(_ patience: HTTPPatience, fresh: Bool = false) throws(DriverError) -> [Flavor] {
        try flavorList.get(patience, fresh: fresh) { () throws(DriverError) in
            var items: [Flavor] = []
            try cloud.pages(.compute, "/flavors/detail", "flavors", patience) { (json) throws(DriverError) in
                if let flavor = Flavor(json) { items.append(flavor) }
            }
            return items
        }
    }

    /// `GET /v2/images`
    func images(_ patience: HTTPPatience, fresh: Bool = false) throws(DriverError) -> [Catalog.Image] {
        try imageList.get(patience, fresh: fresh) { () throws(DriverError) in
            var items: [Catalog.Image] = []
            try cloud.pages(.image, "/images?limit=100&status=active", "images", patience) { (json) throws(DriverError) in
                guard let id = json["id"]?.string else { return }
                items.append(Catalog.Image(id: id, name: json["name"]?.string ?? id, size: json["size"]?.int))
            }
            return items
        }
    }

    /// `GET /v2.0/networks`
    func networks(_ patience: HTTPPatience, fresh: Bool = false) throws(DriverError) -> [Catalog.Network] {
        try networkList.get(patience, fresh: fresh) { () throws(DriverError) in
            var items: [Catalog.Network] = []
            try cloud.pages(.network, "/networks?fields=id&fields=name", "networks", patience) { (json) throws(DriverError) in
                guard let id = json["id"]?.string else { return }
                items.append(Catalog.Network(id: id, name: json["name"]?.string ?? id))
            }
            return items
        }
    }

    /// The smallest flavor that holds what is asked for, or an error that names the near ones.
    func flavor(for spec: Spec, _ patience: HTTPPatience) throws(DriverError) -> Flavor {
        func fits(_ flavor: Flavor) -> Bool {
            Double(flavor.cpus) >= spec.cpus ?? 0 && flavor.memoryMiB >= spec.memoryMiB ?? 0 && flavor.diskGiB >= spec.diskGiB ?? 0
        }
        func size(_ flavor: Flavor) -> (Int, Int, Int, String) { (flavor.memoryMiB, flavor.cpus, flavor.diskGiB, flavor.name) }
        for fresh in [false, true] {
            let found = try flavors(patience, fresh: fresh).filter(fits).min { size($0) < size($1) }
            if let found { return found }
        }
        let largest = try flavors(patience).sorted { size($0) > size($1) }.prefix(3).map { $0.description }
        let wanted = "\(spec.cpus.map { JSON($0).text } ?? "any") cpus, \(spec.memoryMiB ?? 0) MiB, \(spec.diskGiB ?? 0) GiB"
        throw .invalid("no flavor of the cloud holds \(wanted)", native: "the largest are: " + largest.joined(separator: ", "))
    }

    func image(_ name: String, _ patience: HTTPPatience) throws(DriverError) -> String {
        for fresh in [false, true] {
            let all = try images(patience, fresh: fresh)
            if let image = all.first(where: { $0.id == name }) { return image.id }
            let named = all.filter { $0.name == name }
            guard named.count < 2 else {
                throw .invalid(
                    "\(named.count) images are called '\(name)': name one by its id", native: named.map { $0.id }.joined(separator: ", "))
            }
            if let image = named.first { return image.id }
        }
        throw .invalid("the cloud has no image '\(name)'", native: near(name, try images(patience).map { $0.name }))
    }

    func network(_ name: String, _ patience: HTTPPatience) throws(DriverError) -> String {
        for fresh in [false, true] {
            if let network = try networks(patience, fresh: fresh).first(where: { $0.id == name || $0.name == name }) { return network.id }
        }
        throw .invalid("the cloud has no network '\(name)'", native: near(name, try networks(patience).map { $0.name }))
    }

    private func near(_ name: String, _ names: [String]) -> String {
        "it has: " + names.sorted().prefix(8).joined(separator: ", ")
    }
}
