import Foundation
import TestSupport

@testable import PluginHost

/// A configuration of one plugin and one provider, `lab`.
func configuration(module: String, plugin: String = "", rest: String = "") throws -> Configuration {
    try read("[plugin p]\nmodule = \(module)\n\(plugin)\n[provider lab]\nplugin = p\n\(rest)\n")
}

/// What is found out about a module without running it.
func inspect(_ module: String, plugin: String = "", rest: String = "") throws -> PluginInspection {
    let configuration = try configuration(module: module, plugin: plugin, rest: rest)
    return PluginInspection(configuration.plugins[0], in: configuration)
}

/// A module's code, mapped into the test.
func load(_ module: String, plugin: String = "", rest: String = "") throws -> DriverLibrary {
    let configuration = try configuration(module: module, plugin: plugin, rest: rest)
    let inspection = PluginInspection(configuration.plugins[0], in: configuration)
    guard let abi = configuration.abi(configuration.plugins[0].abi) else { throw FileError(reason: "no abi") }
    return try DriverLibrary(loading: inspection, abi: abi)
}

/// Builds a C source of a test.
func build(_ source: String, _ flags: [String] = [], in directory: TemporaryDirectory, name: String = "driver") throws -> String {
    let file = try directory.write("\(name).c", source)
    try CCompiler.driver([file], flags: flags, output: directory("\(name).so"))
    return directory("\(name).so")
}

/// A call that may take a minute.
func control(id: UInt64 = 1, progress: (@Sendable (Double, String) -> Void)? = nil) -> CallControl {
    CallControl(id: id, deadline: .max, progress: progress)
}

extension DriverListener {
    static let deaf = DriverListener(event: { _ in true }, log: { _, _ in })
}
