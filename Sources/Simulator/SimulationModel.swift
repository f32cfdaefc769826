public import Model
public import Planner

/// The world that a workload is played in: nodes, and what virtual machines cost in it.
public struct SimulationModel: Sendable {
    /// What the published experiment compares.
    public enum Preset: String, Sendable, CaseIterable {
        /// Jobs on bare nodes: nothing can be suspended, nothing costs extra.
        case noVM = "no-vm"
        /// Jobs on bare nodes that can be suspended and resumed at 50 MiB/s, elsewhere once their memory has come at 100 Mbit/s.
        case suspend
        /// Virtual machines with their images in place: 5 % run-time overhead, 20 s to boot, suspend and resume at 50 MiB/s; elsewhere
        /// once memory and image (600 MiB) have come at 100 Mbit/s.
        case vm
    }

    public var nodes = 144
    public var node = Resources(milliCPUs: 1000, memoryMiB: 1024, diskGiB: Resources.unlimited, machines: Resources.unlimited)
    /// Members of a federation with nodes like ours, in the order in which they are asked once ours are full.
    public var members: [Member] = []
    /// Nil: nothing can be suspended, and best-effort leases are not preemptible.
    public var suspend: SuspendModel?
    /// Per cent that everything takes longer.
    public var overheadPercent = 0.0
    public var bootMilliseconds: Int64 = 0
    /// Overhead and boot time of reservations too: they are asked for so much longer, and take so much longer.
    public var overheadOfReservations = false

    public struct Member: Sendable, Hashable {
        public var name: String
        public var nodes: Int

        public init(_ name: String, nodes: Int) {
            self.name = name
            self.nodes = nodes
        }
    }

    /// Ours and the members'.
    public var allNodes: Int { nodes + members.reduce(0) { $0 + $1.nodes } }

    public init(_ preset: Preset = .vm) {
        switch preset {
        case .noVM: break
        case .suspend: suspend = SuspendModel(rate: 50, resumesElsewhere: true, keepsDisk: false, moveRate: 12.5)
        case .vm:
            suspend = SuspendModel(rate: 50, resumesElsewhere: true, keepsDisk: false, moveRate: 12.5, imageMiB: 600)
            overheadPercent = 5
            bootMilliseconds = 20_000
        }
    }

    /// How long something of `milliseconds` takes in a machine.
    func inflated(_ milliseconds: Int64) -> Int64 {
        milliseconds + Int64(Double(milliseconds) * overheadPercent / 100) + bootMilliseconds
    }
}
