import JSON
import Model

/// A machine that is not ready yet.
struct WaitingMachine {
    var id: String
    var provider: String
    var nativeID: String
    var observed: String
    var ready: Readiness
    var addresses: [String]
    /// Steady time of the next look.
    var look: Int64
    var isProbed = false
}

// Machines that are being made: what they must be like to count as fulfilled.
extension MonitorCore {
    /// Above this many at one provider one `list` is less work than an `inspect` of each.
    private static let mostInspects = 8

    func watch(machines: [JSON]) {
        var fresh: [String: WaitingMachine] = [:]
        for machine in machines {
            guard let id = machine["id"]?.string, let provider = machine["provider"]?.string, let native = machine["native_id"]?.string
            else { continue }
            let known = waiting[id]
            fresh[id] = WaitingMachine(
                id: id, provider: provider, nativeID: native, observed: machine["observed"]?.string ?? "unknown",
                ready: machine["ready"]?.string.flatMap { Readiness($0) } ?? .running,
                addresses: machine["addresses"]?.array?.compactMap(\.string) ?? [], look: known?.look ?? now.steady,
                isProbed: known?.isProbed ?? false)
        }
        waiting = fresh
    }

    func lookAtWaiting() {
        let due = waiting.values.filter { $0.look <= now.steady }.sorted { $0.id < $1.id }
        guard !due.isEmpty else { return }
        var inspects: [String: [String]] = [:]
        for machine in due {
            waiting[machine.id]?.look = now.steady + settings.periods(of: machine.provider).inspect
            guard providers[machine.provider]?.isUsable != false else { continue }
            if machine.mustBeInspected {
                inspects[machine.provider, default: []].append(machine.id)
            } else if !machine.isProbed {
                probe(machine)
            }
        }
        for (provider, machines) in inspects.sorted(by: { $0.key < $1.key }) {
            let all = waiting.values.filter { $0.provider == provider && $0.mustBeInspected }
            if all.count > Self.mostInspects {
                let next = now.steady + settings.periods(of: provider).inspect
                for machine in all { waiting[machine.id]?.look = next }
                ask("scheduler.refresh", ["provider": JSON(provider), "list": true], for: .told)
            } else {
                for id in machines { ask("scheduler.inspect", ["id": JSON(id)], for: .told) }
            }
        }
    }

    private func probe(_ machine: WaitingMachine) {
        switch machine.ready {
        case .running, .address: break
        case .tcp(let port):
            guard let address = machine.addresses.first else { return }
            waiting[machine.id]?.isProbed = true
            outbox.probes.append(
                MonitorStep.Probe(machine: machine.id, address: address, port: port, timeout: settings.probeTimeout))
        case .agent:
            guard let provider = providers[machine.provider] else { return }
            guard provider.capabilities.contains("agent") else {
                // It never will.
                let why = "the driver of provider \(machine.provider) cannot ask for an agent"
                return ask("scheduler.ready", ["id": JSON(machine.id), "ready": false, "why": JSON(why), "final": true], for: .told)
            }
            waiting[machine.id]?.isProbed = true
            let call: JSON = ["provider": JSON(machine.provider), "call": "action", "id": JSON(machine.nativeID), "verb": "agent"]
            ask("driver.call", call, for: .agent(machine.id))
        }
    }

    func agentSaid(_ id: String, _ result: Result<JSON, BerthError>) {
        switch result {
        case .success: tell(id, nil)
        case .failure(let error): tell(id, "the agent does not answer: \(error.message)")
        }
    }

    func probed(_ id: String, _ failure: String?) { tell(id, failure) }

    private func tell(_ id: String, _ failure: String?) {
        guard waiting[id] != nil else { return }
        waiting[id]?.isProbed = false
        var body: JSON = ["id": JSON(id)]
        if let failure {
            body["ready"] = false
            body["why"] = JSON(failure)
        }
        ask("scheduler.ready", body, for: .told)
    }
}

extension WaitingMachine {
    /// The driver has not yet said all that must be known before anybody can connect.
    var mustBeInspected: Bool {
        guard observed == "running" else { return true }
        return switch ready {
        case .running, .agent: false
        case .address, .tcp: addresses.isEmpty
        }
    }
}
