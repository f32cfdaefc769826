import CLibvirt
public import PluginKit

extension Hypervisor {
    /// Idempotent by construction: the key is the machine's UUID, and the names of its disks follow from it.
    ///
    /// The machine is defined first, marked `building`, then its disks are made, then it starts and the mark goes. So a crash
    /// anywhere leaves something that a list shows with its key, that a repeated create finishes, and that a destroy removes
    /// whole.
    public func create(_ spec: Spec, key: String, _ call: Call) throws -> Machine {
        guard let id = MachineID(key) else { throw DriverError.invalid("key '\(key)' is no UUID") }
        return try ask(call, "create machine '\(spec.name)'") { [self] connection, errand in
            try busy.with(id, errand) { try create(spec, id, connection, errand) }
        }
    }

    private func create(_ spec: Spec, _ id: MachineID, _ connection: Connection, _ errand: Errand) throws -> Machine {
        let known = try connection.domain(id)
        if let known, let record = try read(known) {
            guard let metadata = record.metadata else {
                throw DriverError.conflict("a machine that is not ours, '\(record.name)', has the UUID \(id)")
            }
            if !metadata.isBuilding, let machine = try inspect(known, connection) { return machine }
        }
        // Planning reads only; what it throws leaves nothing new behind, and a half-made machine of an earlier try goes.
        let plan: MachinePlan
        do {
            plan = try self.plan(spec, id, connection)
            if known == nil { try checkRoom(connection) }
        } catch let error as DriverError where error.status.promisesNothing {
            if let known { try discard(known, id, connection) }
            throw error
        }
        let domain = try known ?? define(plan, connection)
        do {
            errand.progress(0.2, "making disks")
            try furnish(plan, domain, connection, errand)
            errand.progress(0.6, "starting")
            if try !domain.isActive() { try domain.start() }
            var metadata = plan.metadata
            metadata.isBuilding = false
            try domain.setMetadata(metadata.xmlWithoutNamespace.text(), uri: MachineMetadata.namespace, isActive: true)
        } catch {
            throw try settle(error, plan, domain, connection, errand)
        }
        guard let machine = try inspect(domain, connection) else {
            throw DriverError.retry("machine '\(plan.name)' went while it was being made")
        }
        return machine
    }

    private func checkRoom(_ connection: Connection) throws {
        guard let most = settings.maximumMachines else { return }
        guard try connection.domains().count < most else {
            throw DriverError.exhausted("the node holds \(most) machines already (config.max-machines)")
        }
    }

    private func define(_ plan: MachinePlan, _ connection: Connection) throws -> Domain {
        let text = try plan.xml.text()
        do {
            let domain = try connection.define(text, "'\(plan.name)'")
            if let record = try read(domain) { table.put(record) }
            return domain
        } catch let error as LibvirtError where !error.meansLostConnection {
            // Refused as a whole: nothing was defined.
            throw definite(error.driverError)
        }
    }

    /// Disks, unless the machine runs already: then they are there, and in use.
    private func furnish(_ plan: MachinePlan, _ domain: Domain, _ connection: Connection, _ errand: Errand) throws {
        guard let store = plan.store, try !domain.isActive() else { return }
        try errand.check()
        if plan.disk != nil { try store.makeDisk(.disk(plan.id), bytes: plan.diskBytes, base: plan.base, connection) }
        try errand.check()
        if plan.seed != nil { try store.makeSeed(.seed(plan.id), plan.seedContent, connection) }
        try errand.check()
    }

    /// After a failure half-way: where it is one that trying again would not help, everything goes again and the promise
    /// that nothing is there can be given; where it is not, or removing fails, the outcome stays unknown and the same key
    /// goes on from here.
    private func settle(
        _ error: any Error, _ plan: MachinePlan, _ domain: Domain, _ connection: Connection, _ errand: Errand
    ) throws -> any Error {
        let failure = (error as? LibvirtError)?.driverError ?? error as? DriverError ?? .broken("\(error)")
        switch failure.status {
        case .cancelled, .deadline, .retry, .unreachable: return failure
        case .invalid, .unsupported, .notFound, .conflict, .denied, .exhausted, .broken: break
        }
        guard connection.isAlive, !errand.isAbandoned else { return failure.status.promisesNothing ? unknown(failure) : failure }
        do {
            try discard(domain, plan.id, connection)
        } catch {
            return unknown(failure)
        }
        return definite(failure)
    }

    /// A failure after which nothing is there, in a class that promises so.
    private func definite(_ failure: DriverError) -> DriverError {
        guard !failure.status.promisesNothing else { return failure }
        let text = failure.native ?? ""
        let isFull = ["annot allocate memory", "No space left", "cannot set up guest memory"].contains { text.range(of: $0) != nil }
        return DriverError(isFull ? .exhausted : .conflict, failure.message, native: failure.native)
    }

    /// A failure after which something may be left.
    private func unknown(_ failure: DriverError) -> DriverError {
        DriverError(.retry, "\(failure.message), and what was made of it could not be removed yet", native: failure.native)
    }
}
