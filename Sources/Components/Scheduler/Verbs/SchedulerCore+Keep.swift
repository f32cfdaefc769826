import JSON
import Ledger
import Model
import Planner

// What other components have the Scheduler keep, since it alone writes the ledger's records.
extension SchedulerCore {
    /// Kinds of records that `scheduler.keep` takes.
    static let keptKinds: Set<String> = ["notify"]

    /// `scheduler.keep {"kind","id","document"}`: answered when it is durable; a document of null forgets it.
    func keep(_ request: CoreRequest) throws(BerthError) {
        try check(request, "kind", "id", "document")
        let (kind, id) = try keptName(request)
        let document = request.body["document"] ?? .null
        if document.isNull {
            kept["\(kind)/\(id)"] = nil
            draft.removedRecords.append((kind, id))
        } else {
            kept["\(kind)/\(id)"] = document
            draft.records.append(Record(kind: kind, id: id, document: document))
        }
        answer(request.token, [:])
    }

    /// `scheduler.kept {"kind","id"}` → `{"document","last_event"}`: what is kept, and the number of the last event.
    func showKept(_ request: CoreRequest) throws(BerthError) {
        try check(request, "kind", "id")
        let (kind, id) = try keptName(request)
        outbox.replies.append(
            (request.token, .ok(["document": kept["\(kind)/\(id)"] ?? .null, "last_event": JSON(ledger.lastEvent)])))
    }

    private func keptName(_ request: CoreRequest) throws(BerthError) -> (kind: String, id: String) {
        guard let kind = request.body["kind"]?.string, Self.keptKinds.contains(kind), let id = request.body["id"]?.string else {
            throw BerthError(.invalid, "kind or id is missing or unknown")
        }
        return (kind, id)
    }

    /// `provider.drain` and `provider.resume` of one node: it takes nothing new until the operator says so.
    func drainNode(_ request: CoreRequest) throws(BerthError) {
        try check(request, "provider", "node", "drained")
        guard let name = request.body["provider"]?.string, let provider = providers[name] else {
            throw BerthError(.notFound, "there is no such provider", hint: "see: berth providers", field: "name")
        }
        guard let node = request.body["node"]?.string, provider.nodes[node] != nil else {
            throw BerthError(
                .notFound, "provider \(name) has no node '\(request.body["node"]?.string ?? "")'",
                hint: "it has: " + provider.nodeNames.joined(separator: ", "), field: "node")
        }
        let drained = request.body["drained"]?.bool ?? true
        let id = "\(NodeID(name, node))"
        let isNew = drained ? drainedNodes.insert(id).inserted : drainedNodes.remove(id) != nil
        if isNew {
            if drained {
                draft.records.append(Record(kind: "drained-node", id: id, document: [:]))
            } else {
                draft.removedRecords.append(("drained-node", id))
            }
            draft.events.append(
                Event(
                    time: now.real, topic: "provider.\(name).\(drained ? "node-drained" : "node-resumed")", subject: name, owner: nil,
                    change: ["node": JSON(node)]))
            provider.nodes[node].map { plan.upsert(planned($0, of: provider)) }
            planIsDue = true
            retryHeld()
        }
        answer(request.token, ["name": JSON(id)])
    }
}
