import Model
import PluginHost

extension Check {
    /// What the file says without running any of it.
    static let fileChecks = [
        Check(name: "file", level: 1, needsSettings: false) { (examination) throws(CheckStop) in
            let inspection = PluginInspection(file: examination.path)
            guard let failed = inspection.steps.first(where: { $0.outcome == .failed }) else { return }
            switch failed.name {
            case "permissions":
                examination.found(1, .warn, failed.detail, do: "the host refuses the file like this")
            case "note": throw .failed(Finding(2, .fail, failed.detail, do: "write BERTH_DRIVER_NOTE, or #berthDriver in Swift"))
            case "abi":
                throw .failed(
                    Finding(failed.detail.contains("hash") ? 7 : 2, .fail, failed.detail, do: "build it with this host's berth/driver.h"))
            default: throw .failed(Finding(1, .fail, failed.detail, do: "build it with -shared for this machine"))
            }
        },
        Check(name: "file.exports", level: 1, needsSettings: false) { (examination) throws(CheckStop) in
            guard let image = ELFImage(path: examination.path) else { throw .skipped("the file cannot be read as ELF") }
            let exports = image.exports
            guard exports.contains("berth_driver_entry") else {
                throw .failed(
                    Finding(
                        3, .fail, "berth_driver_entry is not exported", do: "give it default visibility, and list it in the version script")
                )
            }
            let others = exports.filter { $0 != "berth_driver_entry" }
            if !others.isEmpty {
                let names = others.prefix(3).joined(separator: ", ") + (others.count > 3 ? ", …" : "")
                examination.found(
                    3, .warn, "\(others.count) symbols more are exported: \(names)",
                    do: "link with -Wl,--version-script of { global: berth_driver_entry; local: *; }; and what [plugin] declares")
            }
        },
        Check(name: "file.sections", level: 1, needsSettings: false) { (examination) throws(CheckStop) in
            guard let image = ELFImage(path: examination.path) else { throw .skipped("the file cannot be read as ELF") }
            if image.hasTextRelocations {
                examination.found(4, .warn, "the code has text relocations", do: "compile everything with -fPIC")
            }
            if image.wantsExecutableStack {
                examination.found(
                    5, .warn, "it asks for an executable stack",
                    do: "link with -Wl,-z,noexecstack; look for assembly without .note.GNU-stack")
            }
        },
    ]
}
