import JSON
import Model
import Planner

// What the Federation asks: how much room this host has for others, and that something be written down.
extension SchedulerCore {
    /// `scheduler.room {"seconds"}`: the nodes of this host (never those of members) with what is free on each from now on for so
    /// long. What leases will take in that time is not free.
    func tellRoom(_ request: CoreRequest) {
        let seconds = Int64(request.body["seconds"]?.int ?? 3600)
        let rooms = plan.rooms(from: now.real, until: now.real + seconds * 1000)
        var nodes: [JSON] = []
        for room in rooms {
            guard let provider = providers[room.node.id.provider], provider.member == nil, provider.can("create") else { continue }
            nodes.append([
                "provider": JSON(room.node.id.provider), "node": JSON(room.node.id.node), "state": JSON(room.node.state.rawValue),
                "arch": JSON(room.node.arch), "cpu_vendor": JSON(room.node.cpuVendor), "cpu_mhz": JSON(room.node.cpuMHz),
                "tags": .object(
                    JSON.Object(
                        fields: room.node.tags.sorted { $0.key < $1.key }.map { JSON.Object.Field(name: $0.key, value: JSON($0.value)) })),
                "total": room.node.total.json, "free": room.free.json,
            ])
        }
        let here = providerOrder.filter { $0.member == nil && $0.isUsable }
        let common = here.dropFirst().reduce(here.first?.capabilities ?? []) { $0.intersection($1.capabilities) }
        outbox.replies.append((request.token, .ok(["nodes": .array(nodes), "capabilities": JSON(common.sorted())])))
    }

    /// `scheduler.held {"provider","after"}` → `{"machines":[{"id","seconds"}],"next"}`: what stands at a member for us, by its id there, and
    /// for how much longer we want it. At most a thousand at a time.
    func tellHeld(_ request: CoreRequest) {
        let provider = request.body["provider"]?.string
        let after = request.body["after"]?.string.flatMap { MachineID($0) }
        let rest = machines.values.filter { entry in
            entry.machine.provider == provider && !entry.machine.isFinal && entry.machine.nativeID != nil
                && (after.map { entry.machine.id > $0 } ?? true)
        }.sorted { $0.machine.id < $1.machine.id }
        let held: [JSON] = rest.prefix(1000).map { entry in
            var item: JSON = ["id": JSON(entry.machine.nativeID)]
            if let end = entry.owner.lease.end { item["seconds"] = JSON(max(1, (end - now.real + 999) / 1000)) }
            return item
        }
        let next = rest.count > 1000 ? rest[999].machine.id.description : nil
        outbox.replies.append((request.token, .ok(["machines": .array(held), "next": JSON(next)])))
    }

    /// `scheduler.note {"topic","subject","change"}`: an event of another component, made durable like ours and then published.
    func writeDown(_ request: CoreRequest) throws(BerthError) {
        guard let topic = request.body["topic"]?.string, let subject = request.body["subject"]?.string else {
            throw BerthError(.invalid, "topic and subject are missing")
        }
        draft.events.append(
            Event(time: now.real, topic: topic, subject: subject, owner: nil, change: request.body["change"] ?? .object(JSON.Object())))
        answer(request.token, [:])
    }
}
