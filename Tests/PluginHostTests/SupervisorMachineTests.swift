import Model
import Testing

@testable import PluginHost

/// The life of a provider without a process: what goes in, what comes out.
@Suite("supervisor machine")
struct SupervisorMachineTests {
    typealias Machine = SupervisorMachine

    /// A machine on its way, with a clock.
    struct Life {
        var machine: Machine
        var now: Int64 = 1_000_000

        init(_ rules: Machine.Rules = Machine.Rules()) { machine = Machine(rules) }

        @discardableResult
        mutating func tell(_ inputs: Machine.Input...) -> [Machine.Effect] {
            inputs.flatMap { machine.handle($0, at: now) }
        }

        @discardableResult
        mutating func tick() -> [Machine.Effect] {
            now = machine.wake ?? now
            return tell(.tick)
        }

        /// Start to ready.
        mutating func comeUp() { tell(.start, .loaded, .opened, .healthy) }

        /// A new worker, up, which then dies.
        mutating func live() { tell(.loaded, .opened, .healthy) }
    }

    // MARK: the way up

    @Test("a start spawns, opens, asks health, and only then lets calls through")
    func start() {
        var life = Life()
        #expect(life.tell(.start) == [.spawn])
        #expect(life.machine.state.state == .starting)
        #expect(life.tell(.loaded) == [.open])
        #expect(life.tell(.opened) == [.askHealth])
        #expect(!life.machine.isOpen)
        #expect(life.machine.refusal == nil)
        #expect(life.tell(.healthy) == [.release])
        #expect(life.machine.isOpen)
        #expect(life.machine.state.state == .ready)
        #expect(life.machine.wake == nil)
    }

    @Test("a first health that fails still opens the provider, as unreachable or degraded")
    func firstHealth() {
        var life = Life()
        life.tell(.start, .loaded, .opened, .unhealthy(.unreachable, "no route"))
        #expect(life.machine.state.state == .unreachable)
        #expect(life.machine.state.reason == "no route")
        #expect(life.machine.isOpen)

        var other = Life()
        other.tell(.start, .loaded, .opened, .unhealthy(.denied, "token expired"))
        #expect(other.machine.state.state == .degraded)
    }

    @Test("settings that do not fit make it unconfigured, and nothing is tried again")
    func unconfigured() {
        var life = Life()
        life.tell(.start)
        #expect(life.tell(.notLoaded(BerthError(.invalid, "config.uri is missing"))).first == .killWorker)
        life.tell(.exited("killed"))
        #expect(life.machine.state.state == .unconfigured)
        #expect(life.machine.state.reason == "config.uri is missing")
        #expect(life.machine.wake == nil)
        #expect(life.machine.refusal?.status == .unreachable)
    }

    @Test("a driver that cannot be loaded is quarantined at once")
    func refused() {
        var life = Life()
        life.tell(.start, .notLoaded(BerthError(.unsupported, "entry: it refuses this host")), .exited("killed"))
        #expect(life.machine.state.state == .quarantined)
        #expect(life.machine.state.reason?.contains("refuses this host") == true)
    }

    // MARK: unreachable

    @Test("an open that is not answered is tried again in the same worker, after 100 ms, 200 ms … 5 s")
    func openRetries() {
        var life = Life()
        life.tell(.start, .loaded)
        var delays: [Int64] = []
        for _ in 0..<8 {
            let effects = life.tell(.notOpened(.unreachable, "connection refused"))
            #expect(effects == [.refuse(.unreachable, "connection refused")])
            #expect(life.machine.state.state == .unreachable)
            #expect(life.machine.refusal?.status == .unreachable)
            delays.append((life.machine.wake ?? 0) - life.now)
            #expect(life.tick() == [.open])
            #expect(life.machine.state.state == .unreachable, "it stays so while it tries")
        }
        #expect(delays == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
        life.tell(.opened, .healthy)
        #expect(life.machine.state.state == .ready)
    }

    @Test("an open that is refused is not repeated soon: a wrong password locks accounts")
    func openDenied() {
        var life = Life()
        life.tell(.start, .loaded)
        let effects = life.tell(.notOpened(.denied, "wrong password"))
        #expect(effects.first == .killWorker)
        life.tell(.exited("killed"))
        #expect(life.machine.state.state == .quarantined)
        #expect(life.machine.wake == life.now + 60_000)
    }

    @Test("a call that is not answered has health asked, and health decides")
    func doubt() {
        var life = Life()
        life.comeUp()
        #expect(life.tell(.doubted) == [.askHealth])
        #expect(life.tell(.doubted) == [], "one question at a time")
        life.tell(.unhealthy(.unreachable, "gone"))
        #expect(life.machine.state.state == .unreachable)
        #expect(life.machine.isOpen, "calls still go to the driver, which knows best")
        #expect(life.machine.wake == life.now + 5_000)
        #expect(life.tick() == [.askHealth])
        life.tell(.healthy)
        #expect(life.machine.state.state == .ready)
    }

    // MARK: deaths

    @Test("a death is followed by another worker after 100 ms, 200 ms …; a good call starts over")
    func backOff() {
        var life = Life(Machine.Rules(budget: RestartBudget(count: 100, milliseconds: 60_000)))
        life.comeUp()
        var delays: [Int64] = []
        for _ in 0..<8 {
            #expect(life.tell(.exited("signal 11")) == [])
            #expect(life.machine.state.state == .restarting)
            #expect(life.machine.refusal == nil, "calls wait for the next worker")
            delays.append((life.machine.wake ?? 0) - life.now)
            #expect(life.tick() == [.spawn])
            life.live()
        }
        #expect(delays == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
        life.tell(.calledWell, .exited("signal 11"))
        #expect(life.machine.wake == life.now + 100)
    }

    @Test("the budget of 5 in 60 s: the sixth death quarantines, with the reason")
    func budget() {
        var life = Life()
        life.comeUp()
        for _ in 0..<5 {
            life.tell(.exited("signal 11 (SIGSEGV) during list"))
            #expect(life.machine.state.state == .restarting)
            life.tick()
            life.live()
        }
        let effects = life.tell(.exited("signal 11 (SIGSEGV) during list"))
        #expect(life.machine.state.state == .quarantined)
        #expect(life.machine.state.reason?.contains("SIGSEGV") == true)
        #expect(life.machine.state.reason?.contains("6 times in 60 s") == true)
        guard case .refuse(.unreachable, _) = effects.first else {
            Issue.record("calls that wait are answered: \(effects)")
            return
        }
    }

    @Test("deaths that are further apart than the budget's window never quarantine")
    func slowDeaths() {
        var life = Life()
        life.comeUp()
        for _ in 0..<50 {
            life.tell(.exited("signal 6"))
            #expect(life.machine.state.state == .restarting)
            life.tick()
            life.live()
            life.now += 13_000
        }
    }

    @Test("a quarantine lasts 1, 2, 4, 8, 15, 15 min; a worker on trial has one chance; a good call ends it all")
    func quarantine() {
        var life = Life(Machine.Rules(budget: RestartBudget(count: 1, milliseconds: 60_000)))
        life.comeUp()
        life.tell(.exited("x"))
        life.tick()
        life.live()
        life.tell(.exited("x"))
        var minutes: [Int64] = []
        for _ in 0..<6 {
            #expect(life.machine.state.state == .quarantined)
            minutes.append(((life.machine.wake ?? 0) - life.now) / 60_000)
            #expect(life.tick() == [.spawn])
            life.live()
            life.tell(.exited("x"))
        }
        #expect(minutes == [1, 2, 4, 8, 15, 15])
        life.tick()
        life.live()
        life.tell(.calledWell, .exited("x"))
        #expect(life.machine.state.state == .restarting)
    }

    @Test("a reset leaves quarantine at once and forgets the deaths")
    func reset() {
        var life = Life(Machine.Rules(budget: RestartBudget(count: 1, milliseconds: 60_000)))
        life.comeUp()
        life.tell(.exited("x"))
        life.tick()
        life.live()
        life.tell(.exited("x"))
        #expect(life.machine.state.state == .quarantined)
        #expect(life.tell(.reset) == [.spawn])
        life.live()
        life.tell(.exited("x"))
        #expect(life.machine.state.state == .restarting)
    }

    @Test("a reset leaves a provider alone that is well")
    func resetReady() {
        var life = Life()
        life.comeUp()
        #expect(life.tell(.reset) == [])
        #expect(life.machine.state.state == .ready)
    }

    @Test("a worker that must die is killed once, and its death counts")
    func mustDie() {
        var life = Life(Machine.Rules(budget: RestartBudget(count: 1, milliseconds: 60_000)))
        life.comeUp()
        #expect(life.tell(.mustDie("list outlived its deadline")) == [.killWorker])
        #expect(life.tell(.mustDie("and again")) == [])
        life.tell(.exited("killed"))
        #expect(life.machine.state.state == .restarting)
        #expect(life.machine.state.reason == "list outlived its deadline")
    }

    @Test("where nothing can be killed, a hang quarantines the provider")
    func hangInThread() {
        var life = Life(Machine.Rules(canKill: false))
        life.comeUp()
        let effects = life.tell(.mustDie("list outlived its deadline"))
        #expect(effects == [.killWorker, .refuse(.unreachable, "list outlived its deadline")])
        life.tell(.exited("given up"))
        #expect(life.machine.state.state == .quarantined)
        #expect(life.tick() == [.spawn])
        life.tell(.notStarted("a call still hangs"))
        #expect(life.machine.state.state == .quarantined)
    }

    @Test("a worker that cannot even be started counts as a death")
    func notStarted() {
        var life = Life()
        life.tell(.start, .notStarted("fork: errno 11"))
        #expect(life.machine.state.state == .restarting)
        #expect(life.machine.state.reason == "fork: errno 11")
    }

    // MARK: going

    @Test("a reload lets calls end, closes the driver, and starts the next worker without counting a death")
    func reload() {
        var life = Life()
        life.comeUp()
        #expect(life.tell(.reload) == [.quiesce])
        #expect(!life.machine.isOpen)
        #expect(life.machine.refusal == nil, "new calls wait for the next worker")
        #expect(life.machine.state.state == .restarting)
        #expect(life.tell(.idle) == [.stopWorker])
        #expect(life.machine.isEndExpected)
        #expect(life.tell(.exited("exit status 0")) == [.spawn])
        life.live()
        #expect(life.machine.state.state == .ready)
    }

    @Test("a reload of a provider that waits starts it at once")
    func reloadWaiting() {
        var life = Life()
        life.comeUp()
        life.tell(.exited("x"))
        #expect(life.tell(.reload) == [.spawn])
    }

    @Test("a stop in any phase ends in off, and answers what waits")
    func stop() {
        let paths: [[Machine.Input]] = [
            [.start], [.start, .loaded], [.start, .loaded, .opened], [.start, .loaded, .opened, .healthy],
            [.start, .loaded, .notOpened(.unreachable, "x")], [.start, .exited("x")], [.start, .loaded, .opened, .healthy, .reload],
            [.start, .loaded, .opened, .healthy, .mustDie("x")], [.start, .notLoaded(BerthError(.unsupported, "x")), .exited("x")],
        ]
        for path in paths {
            var life = Life()
            for input in path { life.tell(input) }
            let effects = life.tell(.stop)
            #expect(effects.contains(.refuse(.retry, "the host is stopping")), "\(path)")
            if effects.contains(.quiesce) { life.tell(.idle) }
            life.tell(.exited("gone"))
            #expect(life.machine.phase == .off(.stopped), "\(path)")
            #expect(life.machine.wake == nil, "\(path)")
        }
    }

    @Test("a stop that takes too long kills, and still ends in off")
    func stopKilled() {
        var life = Life()
        life.comeUp()
        life.tell(.stop, .idle)
        #expect(life.tell(.mustDie("it did not close")) == [.killWorker])
        #expect(life.tell(.exited("killed")) == [])
        #expect(life.machine.phase == .off(.stopped))
    }

    @Test("draining is a word over ready, and outlives a restart of the worker")
    func draining() {
        var life = Life()
        life.comeUp()
        life.tell(.drain)
        #expect(life.machine.state.state == .draining)
        #expect(life.machine.isOpen, "what is there is still served")
        life.tell(.exited("x"))
        #expect(life.machine.state.state == .restarting)
        life.tick()
        life.live()
        #expect(life.machine.state.state == .draining)
        life.tell(.resume)
        #expect(life.machine.state.state == .ready)
    }

    @Test("a provider that is switched off ends its worker and refuses calls; switched on again it starts")
    func disable() {
        var life = Life()
        life.comeUp()
        life.tell(.disable, .idle, .exited("exit status 0"))
        #expect(life.machine.state.state == .disabled)
        #expect(life.machine.refusal?.status == .unreachable)
        #expect(life.tell(.reload) == [.spawn])
    }

    @Test("no order of events leads to two workers at once, or to a machine that waits for nothing")
    func everyOrder() {
        var random = SystemRandomNumberGenerator()
        let inputs: [Machine.Input] = [
            .start, .loaded, .notLoaded(BerthError(.invalid, "x")), .opened, .notOpened(.unreachable, "x"), .notOpened(.broken, "x"),
            .healthy,
            .unhealthy(.unreachable, "x"), .calledWell, .doubted, .mustDie("x"), .idle, .drain, .resume, .reset, .reload, .disable,
            .unconfigure("x"), .tick,
        ]
        for _ in 0..<2_000 {
            var life = Life()
            var workers = 0
            var history: [Machine.Input] = []
            func take(_ effects: [Machine.Effect]) { for effect in effects where effect == .spawn { workers += 1 } }
            for _ in 0..<60 {
                // A worker's end can only be heard of where there is one.
                let input =
                    Int.random(in: 0..<4, using: &random) == 0 && workers > 0 ? .exited("x") : inputs.randomElement(using: &random) ?? .tick
                history.append(input)
                if case .exited = input { workers -= 1 }
                life.now += Int64.random(in: 0..<10_000, using: &random)
                take(life.tell(input))
                #expect(workers == 0 || workers == 1, "\(history)")
                switch life.machine.phase {
                case .waiting, .quarantined, .closed: #expect(life.machine.wake != nil, "\(history)")
                case .off: #expect(life.machine.wake == nil && workers == 0, "\(history)")
                case .loading, .opening, .firstHealth, .up, .quiescing, .stopping, .dying: #expect(workers == 1, "\(history)")
                }
                if workers != 0 && workers != 1 { return }
            }
        }
    }
}
