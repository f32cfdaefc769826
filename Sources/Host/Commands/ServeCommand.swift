import Bus
import Glibc
import JSON
import Ledger
import Model
import Platform
import PluginHost

/// `berth serve`
struct ServeCommand: Command {
    static let path = ["serve"]
    static let summary = "run the host, or one of its components"
    static let usage = "[--only NAME [--backend ENDPOINT] [--token-file FILE]]"
    static let example = "berth serve --config /etc/berth/plugins.conf"
    static let options: [OptionSpec] = [
        .value("--only", value: "NAME", help: "run this component alone, against a host that runs already"),
        .value(
            "--backend", value: "ENDPOINT", help: "with --only: where that host takes components (default: backend in the run directory)"),
        .value("--token-file", value: "FILE", help: "with --only: the token that berth keys token NAME printed"),
        .value("--log-level", value: "LEVEL", help: "error, warning, info (default) or debug"),
        .value("--log-format", value: "FORMAT", help: "logfmt (default) or json"),
    ]

    func run(_ arguments: Arguments) async throws -> ExitCode {
        let started = Clock.monotonic
        let signals = Signals()
        let places = Places(arguments)
        let configuration: Configuration
        do throws(ConfigurationErrors) {
            configuration = try places.load()
        } catch {
            throw UsageError("the configuration has errors:\n" + error.problems.map { "  \($0)" }.joined(separator: "\n"))
        }
        try logging(arguments, configuration)
        if let name = arguments.value("--only") { return try only(name, arguments, places, configuration, signals) }

        try RunDirectory.prepare(places.run)
        let lock = try HostLock(places.state)
        let socketLock = try HostLock(places.run)
        let keys = KeyDirectory(places.keys)
        try keys.prepare()
        // Members are let in by our own key; the operator need not make one first.
        if configuration.section("federation")?["listen"] != nil { _ = try keys.makeHostKeys() }
        let ledger = try SQLiteLedger.open(LedgerSettings(directory: places.state, configuration))
        let assembly = HostAssembly(places: places, configuration: configuration, ledger: ledger)
        let bus: Bus
        do {
            bus = try Bus(assembly.busSettings, components: assembly.components)
        } catch {
            ledger.close()
            RunDirectory.clear(places.run)
            // The rest of the settings is checked before: what the bus finds invalid are its endpoints.
            throw error.code == .invalid ? UsageError(error.description) : error
        }
        Log.info(
            "host ready", ["version": Berth.version, "bus": "ipc://\(places.run)/bus", "ms": "\(Clock.monotonic - started)"])
        if Terminal.isInteractive { print("Berth is ready at ipc://\(places.run)/bus; berth status tells how it is. Ctrl-C ends it.") }
        fflush(nil)
        ServiceManager.say("READY=1\nSTATUS=ready")
        wait(signals) { reload(places, bus) }
        ServiceManager.say("STOPPING=1")
        bus.stop()
        ledger.close()
        RunDirectory.clear(places.run)
        Log.info("host stopped")
        lock.release()
        socketLock.release()
        return .done
    }
}
