import Bus
import Glibc
import JSON
import Ledger
import Model
import Platform
import PluginHost

extension ServeCommand {
    /// The level and form of log lines: by option, else by the configuration.
    func logging(_ arguments: Arguments, _ configuration: Configuration) throws {
        if let word = arguments.value("--log-level") ?? configuration.host.section?["log-level"] {
            guard let level = Log.Level(name: word) else {
                throw UsageError("--log-level wants error, warning, info or debug, not '\(word)'")
            }
            Log.level = level
        }
        if let word = arguments.value("--log-format") ?? configuration.host.section?["log-format"] {
            guard let form = Log.Form(rawValue: word) else { throw UsageError("--log-format wants logfmt or json, not '\(word)'") }
            Log.form = form
        }
        for warning in configuration.warnings { Log.warning("configuration: \(warning)") }
    }

    /// Serves until a signal says to end; SIGHUP reads the configuration again.
    func wait(_ signals: borrowing Signals, onHangUp: () -> Void) {
        while true {
            let signal = signals.next()
            guard signal == SIGHUP else {
                Log.info("stopping", ["signal": "\(signal)"])
                return
            }
            onHangUp()
        }
    }

    /// SIGHUP: the new file counts only if it has no errors. Components hear of it as the notice `host.reload`.
    func reload(_ places: Places, _ bus: Bus) {
        ServiceManager.say("RELOADING=1")
        do throws(ConfigurationErrors) {
            let configuration = try places.load()
            if let level = configuration.host.section?["log-level"].flatMap(Log.Level.init(name:)) { Log.level = level }
            bus.reload()
            bus.notify("host.reload", ["configuration": .string(configuration.path)])
            Log.info("configuration read again", ["path": configuration.path])
        } catch {
            for problem in error.problems { Log.error("the configuration is not taken over: \(problem)") }
        }
        ServiceManager.say("READY=1")
    }

    /// `--only NAME`: one component against a host that runs, here or on another machine.
    func only(
        _ name: String, _ arguments: Arguments, _ places: Places, _ configuration: Configuration, _ signals: borrowing Signals
    ) throws -> ExitCode {
        let assembly = HostAssembly(places: places, configuration: configuration, ledger: nil)
        guard let component = assembly.components.first(where: { $0.name == name }) else {
            let movable = assembly.movable.map { $0.name }
            throw UsageError(
                "no component '\(name)' can run by itself" + (movable.isEmpty ? "" : "; these can: \(movable.joined(separator: ", "))"))
        }
        var endpoint = try HostConnection.endpoint(arguments, socket: "backend")
        if let address = arguments.value("--backend") { endpoint.address = address }
        let link = try BackendLink(endpoint, token: try token(name, arguments, places), component: component)
        Log.info("component ready", ["component": name, "backend": endpoint.address])
        ServiceManager.say("READY=1\nSTATUS=\(name) serves")
        wait(signals) {}
        ServiceManager.say("STOPPING=1")
        link.stop()
        return .done
    }

    private func token(_ name: String, _ arguments: Arguments, _ places: Places) throws -> String {
        guard let path = arguments.value("--token-file") else { return try KeyDirectory(places.keys).token(for: name) }
        guard let bytes = try? Files.read(path) else { throw UsageError("cannot read the token in \(path)") }
        return String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
    }
}
