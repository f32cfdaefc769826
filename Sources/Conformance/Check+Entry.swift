import Glibc
import JSON
import Platform
import PluginABI
import PluginHost

extension Check {
    /// Loading, the entry and the descriptor.
    static let entryChecks = [
        Check(name: "entry", level: 1, needsSettings: false, calls: ["load", "entry"]) { (examination) throws(CheckStop) in
            let entry = try Subject.entry(examination.path, examination.reporter)
            let before = ProcessState.now()
            let start = Clock.monotonic
            examination.reporter.at("entry")
            examination.watchdog.arm("berth_driver_entry", until: start + 2_000, rule: 10)
            let first = entry(UInt32(BERTH_ABI_MAJOR), UInt32(BERTH_ABI_MINOR))
            let second = entry(UInt32(BERTH_ABI_MAJOR), UInt32(BERTH_ABI_MINOR))
            let stranger = entry(UInt32(BERTH_ABI_MAJOR) + 1, 0)
            examination.watchdog.disarm()
            let took = Clock.monotonic - start
            let after = ProcessState.now()
            if took > 500 { examination.found(10, .warn, "the entry took \(took) ms", do: "do the work in open") }
            if after.threads != before.threads || after.files.count != before.files.count {
                examination.found(10, .warn, "the entry started threads or opened descriptors", do: "do that in open, and end it in close")
            }
            guard let first else {
                throw .failed(Finding(12, .fail, "the entry refuses a host of its own major", do: "answer NULL only to another major"))
            }
            if first != second {
                examination.found(11, .fail, "the entry answers another descriptor the second time", do: "make it static")
            }
            if stranger != nil {
                examination.found(12, .warn, "the entry accepts a host of another major", do: "compare host_abi_major with BERTH_ABI_MAJOR")
            }
        },
        Check(name: "descriptor", level: 1, needsSettings: false, calls: ["load", "entry"]) { (examination) throws(CheckStop) in
            let subject = try examination.load()
            let descriptor = try Descriptor(subject.plugin)
            var identity = descriptor.identity
            identity["capabilities"] = JSON(descriptor.capabilities)
            if let text = subject.plugin.pointee.config_schema { identity["config_schema"] = try? JSON(parsing: String(cString: text)) }
            examination.reporter.describe(identity)
            if let note = PluginInspection(file: examination.path).note, note.id != descriptor.id || note.version != descriptor.version {
                throw .failed(
                    Finding(
                        14, .fail, "the note says \(note.id) \(note.version), the descriptor \(descriptor.id) \(descriptor.version)",
                        do: "use the same two constants for both"))
            }
            for capability in descriptor.capabilities where !Check.coreCapabilities.contains(capability) && !capability.contains(".") {
                examination.found(16, .warn, "'\(capability)' is no capability of the core", do: "name your own vendor.verb")
            }
        },
    ]

    static let coreVerbs = [
        "start", "stop", "reboot", "pause", "unpause", "suspend", "resume", "destroy", "resize", "snapshot", "restore", "console",
        "migrate", "renew", "agent",
    ]
    static let coreCapabilities = Set(coreVerbs + ["create", "catalog", "events", "reentrant"])
}
