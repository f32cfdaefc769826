import DriverHTTP
import JSON
import PluginKit

/// What the project may use: the cloud as one node.
struct Project {
    let cloud: Cloud

    /// The one node of the provider.
    static let node = "project"

    /// `GET /limits`, and where the role allows `GET /os-hypervisors/statistics`: the quota, or what the hypervisors have
    /// where that is less.
    func capacity(_ patience: HTTPPatience) throws(DriverError) -> Capacity {
        let limits = try cloud.get(.compute, "/limits", patience)["limits"]?["absolute"] ?? [:]
        func amount(_ name: String) -> Int? { limits[name]?.int.flatMap { $0 < 0 ? nil : $0 } }
        var total = Amounts(
            cpus: amount("maxTotalCores").map(Double.init), memoryMiB: amount("maxTotalRAMSize"), machines: amount("maxTotalInstances"))
        let used = Amounts(
            cpus: amount("totalCoresUsed").map(Double.init), memoryMiB: amount("totalRAMUsed"), machines: amount("totalInstancesUsed"))
        if let hypervisors = try hypervisors(patience) {
            // What is used on them by others is not ours to use.
            let cpus = (hypervisors["vcpus"]?.double ?? 0) - (hypervisors["vcpus_used"]?.double ?? 0) + (used.cpus ?? 0)
            let memory = (hypervisors["memory_mb"]?.int ?? 0) - (hypervisors["memory_mb_used"]?.int ?? 0) + (used.memoryMiB ?? 0)
            total.cpus = min(total.cpus ?? cpus, cpus)
            total.memoryMiB = min(total.memoryMiB ?? memory, memory)
        }
        return Capacity(nodes: [Node(id: Self.node, total: total, used: used)])
    }

    /// Gone from microversion 2.88, and for administrators only.
    private func hypervisors(_ patience: HTTPPatience) throws(DriverError) -> JSON? {
        do throws(DriverError) {
            return try cloud.get(.compute, "/os-hypervisors/statistics", patience)["hypervisor_statistics"]
        } catch  where error.status == .denied || error.status == .notFound {
            return nil
        }
    }
}
