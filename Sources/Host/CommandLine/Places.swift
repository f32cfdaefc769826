import Glibc
import PluginHost

/// Where this installation keeps its things: by option, else by variable, else by custom.
struct Places: Sendable {
    /// `--config`, `BERTH_CONFIG`, `./plugins.conf`, `/etc/berth/plugins.conf`.
    var configuration: String
    /// `--state-dir`, `BERTH_STATE`; root's is `/var/lib/berth`, others' `$XDG_STATE_HOME/berth`. Absolute.
    var state: String
    /// `--run-dir`, `BERTH_RUN`, `$XDG_RUNTIME_DIR/berth`, `/run/berth`. Absolute.
    var run: String

    init(_ arguments: Arguments) {
        let local = access("plugins.conf", F_OK) == 0 ? "plugins.conf" : "/etc/berth/plugins.conf"
        configuration = arguments.value("--config") ?? Places.variable("BERTH_CONFIG") ?? local
        state = Places.absolute(arguments.value("--state-dir") ?? Places.variable("BERTH_STATE") ?? Places.usualState)
        let runtime = Places.variable("XDG_RUNTIME_DIR").map { "\($0)/berth" } ?? "/run/berth"
        run = Places.absolute(arguments.value("--run-dir") ?? Places.variable("BERTH_RUN") ?? runtime)
    }

    /// Reads and checks the configuration; its errors end the program with 2.
    func load() throws(ConfigurationErrors) -> Configuration { try Configuration.load(configuration, state: state) }

    private static var usualState: String {
        if geteuid() == 0 { return "/var/lib/berth" }
        return (variable("XDG_STATE_HOME") ?? "\(variable("HOME") ?? "")/.local/state") + "/berth"
    }

    /// A variable that is set and not empty.
    static func variable(_ name: String) -> String? {
        getenv(name).flatMap { $0.pointee == 0 ? nil : String(cString: $0) }
    }

    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let here = getcwd(nil, 0) else { return path }
        defer { free(here) }
        return "\(String(cString: here))/\(path)"
    }
}
