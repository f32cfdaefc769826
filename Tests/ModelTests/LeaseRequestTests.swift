import JSON
import Model
import Testing

@Suite("lease.create")
struct LeaseRequestTests {
    @Test("only groups is required, and the defaults are the design's")
    func defaults() throws {
        let request = try LeaseRequest(["groups": [["flavor": "small"]]])
        let terms = request.terms
        #expect(terms.kind == .immediate && terms.duration == nil && terms.atomic && !terms.persistent && !terms.preemptible)
        #expect(terms.location == .local && terms.onEnd == .destroy && terms.onPreempt == .suspend && terms.priority == 0)
        #expect(terms.groups == [Group(name: "main", count: 1, flavor: "small")])
        #expect(!request.wait && !request.dryRun)
        #expect(try LeaseRequest(["groups": [["flavor": "small"]], "kind": "best-effort"]).terms.preemptible)
    }

    @Test("the design's own example is read, nulls and all, and its document reads back the same")
    func example() throws {
        let body = try JSON(
            parsing: """
                {"name":"web","kind":"immediate","template":null,
                "groups":[{"name":"front","count":2,"flavor":"small","image":"debian-12","requirements":"cpus >= 2","ready":"running",
                "ready_timeout_s":300}],"start":null,"duration_s":14400,"deadline":null,"valid_from":null,"valid_until":null,"atomic":true,
                "persistent":false,"preemptible":false,"priority":0,"where":"local","on_end":"destroy","on_preempt":"suspend","tags":{}}
                """)
        let request = try LeaseRequest(body)
        #expect(request.terms.groups[0].count == 2)
        #expect(request.terms.duration == 14400)
        #expect(try LeaseRequest(request.terms.document).terms == request.terms)
    }

    @Test(
        "what is wrong is invalid, with the field's name",
        arguments: [
            (#"{}"#, "groups"), (#"{"groups":[]}"#, "groups"), (#"{"groups":[{"flavor":"s"}],"durations_s":5}"#, "durations_s"),
            (#"{"groups":[{"flavor":"s","colour":1}]}"#, "groups[0].colour"),
            (#"{"groups":[{"flavor":"s","count":0}]}"#, "groups[0].count"),
            (#"{"groups":[{}]}"#, "groups[0].flavor"), (#"{"groups":[{"flavor":"s","cpus":1,"memory_mib":1}]}"#, "groups[0].flavor"),
            (#"{"groups":[{"cpus":1}]}"#, "groups[0].memory_mib"), (#"{"groups":[{"cpus":1.2345,"memory_mib":1}]}"#, "groups[0].cpus"),
            (#"{"groups":[{"flavor":"s","ready":"tcp:0"}]}"#, "groups[0].ready"),
            (#"{"groups":[{"flavor":"s","requirements":"cpus >="}]}"#, "groups[0].requirements"),
            (#"{"groups":[{"flavor":"s"}],"kind":"advance","duration_s":5}"#, "start"),
            (#"{"groups":[{"flavor":"s"}],"kind":"advance","start":"2026-11-30T09:00:00Z"}"#, "duration_s"),
            (#"{"groups":[{"flavor":"s"}],"start":"tomorrow"}"#, "start"),
            (#"{"groups":[{"flavor":"s"}],"kind":"deadline","duration_s":5}"#, "deadline"),
            (#"{"groups":[{"flavor":"s"}],"duration_s":-1}"#, "duration_s"), (#"{"groups":[{"flavor":"s"}],"atomic":"yes"}"#, "atomic"),
            (#"{"groups":[{"flavor":"s"}],"elastic":{"min":2,"max":1}}"#, "elastic.max"),
            (#"{"groups":[{"flavor":"s"}],"elastic":{"min":2,"max":3}}"#, "elastic"), (#"{"groups":[{"flavor":"s"}],"where":7}"#, "where"),
            (#"{"groups":[{"flavor":"s","name":"a"},{"flavor":"s","name":"a"}]}"#, "groups"),
            (#"{"groups":[{"flavor":"s"}],"tags":{"a":1}}"#, "tags.a"),
        ])
    func wrong(body: String, field: String) throws {
        let body = try JSON(parsing: body)
        #expect {
            _ = try LeaseRequest(body)
        } throws: { error in
            let error = error as? BerthError
            return error?.code == .invalid && error?.field == field
        }
    }

    @Test("a template stands where the body says nothing")
    func template() throws {
        let template: JSON = ["groups": [["flavor": "small", "count": 3]], "duration_s": 60, "priority": 5]
        let request = try LeaseRequest(["template": "web", "priority": 7, "duration_s": nil], template: template)
        #expect(request.terms.groups[0].count == 3 && request.terms.duration == 60 && request.terms.priority == 7)
        #expect(request.terms.template == "web")
    }

    @Test("a lease is shown with the fields of the design")
    func shown() throws {
        var ids = IdentifierSource(ledger: LedgerID(rawValue: 7))
        let now = Instant(milliseconds: 0)
        let lease = Lease(
            id: ids.lease(at: now), owner: "a", project: "p", terms: try LeaseRequest(["groups": [["flavor": "small"]]]).terms, created: now
        )
        let machine = Machine(
            id: ids.machine(at: now), lease: lease.id, group: "main", ordinal: 0, name: "m", size: Size(milliCPUs: 500, memoryMiB: 64),
            created: now)
        let names = lease.json(machines: [machine]).object?.names ?? []
        #expect(names.starts(with: ["id", "name", "kind", "state", "reason", "owner", "project", "created", "start", "end"]))
        #expect(names.last == "machines")
        #expect(
            machine.json.object?.names.starts(
                with: ["id", "group", "state", "provider", "node", "observed", "native_id", "addresses", "message"]) == true)
        #expect(machine.json["cpus"] == 0.5)
    }
}
