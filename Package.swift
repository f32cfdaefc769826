// swift-tools-version: 6.2
import CompilerPluginSupport
import PackageDescription

/// Every Swift target is built the same way: Swift 6 mode, and no warning survives.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .treatAllWarnings(as: .error),  // SE-0480
]

/// A Debian library, found by its module map alone (`pkgConfig:` would bring flags that warn).
func system(_ name: String, _ package: String) -> Target {
    .systemLibrary(name: name, path: "Sources/System/\(name)", providers: [.apt([package])])
}

func room(_ name: String, _ dependencies: [Target.Dependency] = [], path: String? = nil) -> Target {
    .target(name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", swiftSettings: settings)
}

/// A driver exports its entry and nothing else: the version script sees to it.
func driver(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(
        name: name,
        dependencies: ["PluginABI", "PluginKit", "JSON"] + dependencies,
        path: "Plugins/\(name)",
        swiftSettings: settings,
        linkerSettings: [.unsafeFlags(["-Xlinker", "--version-script=\(Context.packageDirectory)/Plugins/driver.map"])])
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)", swiftSettings: settings)
}

let package = Package(
    name: "berth",
    products: [
        .executable(name: "berth", targets: ["Host"]),
        .library(name: "PluginKit", targets: ["PluginKit"]),
        .library(name: "Libvirt", type: .dynamic, targets: ["Libvirt"]),
        .library(name: "OpenStack", type: .dynamic, targets: ["OpenStack"]),
        .executable(name: "berth-bench", targets: ["Bench"]),
    ],
    targets: [
        // Debian's C libraries, and the few macros and calls that Swift cannot see.
        system("CFFI", "libffi-dev"),
        system("CZMQ", "libzmq3-dev"),
        system("CSQLite", "libsqlite3-dev"),
        system("CSodium", "libsodium-dev"),
        system("CLibvirt", "libvirt-dev"),
        system("CCurl", "libcurl4-openssl-dev"),
        system("CYAML", "libyaml-dev"),
        .systemLibrary(name: "CLibXML2", path: "Sources/System/CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        .target(name: "CShim", path: "Sources/System/CShim"),

        // Leaves.
        .target(name: "PluginABI", path: "Sources/PluginABI"),
        room("JSON"),
        room("Platform", ["CShim"]),

        // For drivers.
        .macro(name: "PluginKitMacros", dependencies: ["PluginABI", "JSON"], path: "Sources/PluginKitMacros", swiftSettings: settings),
        room("PluginKit", ["PluginKitMacros", "PluginABI", "JSON"]),
        room("DriverHTTP", ["CCurl", "JSON", "PluginKit"]),

        // The host's rooms.
        room("Model", ["JSON"]),
        room("Planner", ["Model"]),
        room("Frames", ["JSON", "Model"]),
        room("PluginHost", ["CFFI", "CSodium", "CShim", "PluginABI", "JSON", "Model", "Frames", "Platform"]),
        room("Bus", ["CZMQ", "CSodium", "CShim", "JSON", "Model", "Frames", "Platform"]),
        room("Ledger", ["CSQLite", "JSON", "Model", "Platform"]),

        // Components: they meet on the bus, never in an import.
        room("Scheduler", ["Model", "Planner", "Ledger", "Frames", "Bus", "JSON", "Platform"], path: "Sources/Components/Scheduler"),
        room("Monitor", ["Model", "Frames", "Bus", "JSON", "Platform"], path: "Sources/Components/Monitor"),
        room("Drivers", ["Model", "Frames", "Bus", "PluginHost", "JSON", "Platform"], path: "Sources/Components/Drivers"),
        room("Federation", ["Model", "Frames", "Bus", "JSON", "Platform"], path: "Sources/Components/Federation"),

        room("Simulator", ["Model", "Planner", "Ledger", "Frames", "Scheduler", "Monitor", "JSON", "Platform"]),
        .executableTarget(
            name: "Host",
            dependencies: [
                "Model", "Planner", "Frames", "PluginHost", "Bus", "Ledger", "Scheduler", "Monitor", "Drivers", "Federation",
                "Simulator", "JSON", "Platform",
            ],
            path: "Sources/Host", swiftSettings: settings),

        driver("Libvirt", ["CLibvirt", "CLibXML2"]),
        driver("OpenStack", ["DriverHTTP", "CYAML"]),

        .executableTarget(
            name: "Bench", dependencies: ["Model", "Planner", "Frames", "PluginHost", "Bus", "Ledger", "JSON", "Platform"],
            path: "Benchmarks", swiftSettings: settings),

        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
        tests("ArchitectureTests", []),
        tests("JSONTests", ["JSON"]),
        tests("ModelTests", ["Model", "JSON"]),
        tests("PlannerTests", ["Model", "Planner"]),
        tests("SimulatorTests", ["Model", "Planner", "Simulator", "JSON"]),
        tests("FramesTests", ["Frames", "JSON", "Model"]),
        tests("PluginKitTests", ["PluginKit", "PluginABI", "JSON"]),
        tests("PluginHostTests", ["PluginHost", "PluginABI", "Model", "Frames", "JSON", "Platform", "TestSupport", "Host"]),
        tests("BusTests", ["Bus", "Frames", "Model", "JSON", "Platform", "CZMQ"]),
        tests("LedgerTests", ["Ledger", "Model", "JSON", "Platform"]),
        tests("SchedulerTests", ["Scheduler", "Monitor", "Drivers", "Ledger", "Planner", "Model", "Frames", "Bus", "JSON", "Platform"]),
        tests("HostTests", ["JSON", "Model"]),
        tests("LibvirtTests", ["JSON", "Model", "PluginHost"]),
        tests("OpenStackTests", ["DriverHTTP", "JSON", "Model", "Platform", "PluginHost"]),
    ],
    swiftLanguageModes: [.v6]
)
