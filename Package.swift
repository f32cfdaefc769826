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
func driver(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
    .target(
        name: name,
        dependencies: ["PluginABI", "PluginKit", "JSON"] + dependencies,
        path: path ?? "Plugins/\(name)",
        swiftSettings: settings,
        linkerSettings: [.unsafeFlags(["-Xlinker", "--version-script=\(Context.packageDirectory)/Plugins/driver.map"])])
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)", exclude: name == "HostTests" ? ["Foreign"] : [],
        swiftSettings: settings)
}

let package = Package(
    name: "berth",
    products: [
        .executable(name: "berth", targets: ["Host"]),
        .library(name: "PluginKit", targets: ["PluginKit"]),
        .library(name: "Libvirt", type: .dynamic, targets: ["Libvirt"]),
        .library(name: "OpenStack", type: .dynamic, targets: ["OpenStack"]),
        .executable(name: "berth-bench", targets: ["Bench"]),
        .library(name: "BerthClient", targets: ["Bus", "JSON", "Model"]),
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
        .target(name: "CLibvirtShim", dependencies: ["CLibvirt"], path: "Sources/System/CLibvirtShim"),

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
        room("Conformance", ["CShim", "PluginABI", "PluginHost", "JSON", "Model", "Platform"]),
        room("Bus", ["CZMQ", "CSodium", "CShim", "JSON", "Model", "Frames", "Platform"]),
        room("Ledger", ["CSQLite", "JSON", "Model", "Platform"]),

        // Components: they meet on the bus, never in an import.
        room("Scheduler", ["Model", "Planner", "Ledger", "Frames", "Bus", "JSON", "Platform"], path: "Sources/Components/Scheduler"),
        room("Monitor", ["CShim", "Model", "Frames", "Bus", "JSON", "Platform"], path: "Sources/Components/Monitor"),
        room("Drivers", ["Model", "Frames", "Bus", "PluginHost", "JSON", "Platform"], path: "Sources/Components/Drivers"),
        room("Federation", ["Model", "Frames", "Bus", "JSON", "Platform"], path: "Sources/Components/Federation"),

        room("Simulator", ["Model", "Planner", "Ledger", "Frames", "Scheduler", "Monitor", "JSON", "Platform"]),
        .executableTarget(
            name: "Host",
            dependencies: [
                "Model", "Planner", "Frames", "PluginHost", "Conformance", "Bus", "Ledger", "Scheduler", "Monitor", "Drivers", "Federation",
                "Simulator", "JSON", "Platform",
            ],
            path: "Sources/Host", swiftSettings: settings),

        // The libvirt driver without its exported entry, so that tests can link it; the entry is a file of its own.
        .target(
            name: "LibvirtDriver", dependencies: ["PluginABI", "PluginKit", "JSON", "CLibvirt", "CLibvirtShim", "CLibXML2"],
            path: "Plugins/Libvirt", exclude: ["Entry"], swiftSettings: settings),
        driver("Libvirt", ["LibvirtDriver"], path: "Plugins/Libvirt/Entry"),
        driver("OpenStack", ["DriverHTTP", "CYAML"]),

        .target(name: "RawBench", path: "Benchmarks/Raw"),
        .executableTarget(
            name: "Bench",
            dependencies: [
                "RawBench", "Model", "Planner", "Frames", "PluginHost", "Bus", "Ledger", "CSQLite", "JSON", "Platform", "BusEcho", "Host",
            ],
            path: "Benchmarks", exclude: ["BusEcho", "Raw"], swiftSettings: settings),
        // What the bus is measured against: libzmq in C, in a process of its own.
        .executableTarget(
            name: "BusEcho", path: "Benchmarks/BusEcho", cSettings: [.unsafeFlags(["-O2"])], linkerSettings: [.linkedLibrary("zmq")]),

        .executableTarget(
            name: "ExampleClient", dependencies: ["Bus", "JSON", "Model"], path: "Examples/clients/swift", swiftSettings: settings),

        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
        tests("ArchitectureTests", []),
        tests("JSONTests", ["JSON"]),
        tests("ModelTests", ["Model", "JSON"]),
        tests("PlannerTests", ["Model", "Planner", "Platform"]),
        tests("SimulatorTests", ["Model", "Planner", "Simulator", "JSON"]),
        tests("FramesTests", ["Frames", "JSON", "Model", "Platform"]),
        tests("PluginKitTests", ["PluginKit", "PluginABI", "JSON"]),
        tests("PluginHostTests", ["PluginHost", "PluginABI", "Model", "Frames", "JSON", "Platform", "Host"]),
        tests("ConformanceTests", ["Conformance", "Host", "JSON", "Model"]),
        tests("BusTests", ["Bus", "Frames", "Model", "JSON", "Platform", "CZMQ"]),
        tests("LedgerTests", ["Ledger", "Model", "JSON", "Platform", "CSQLite", "LedgerVictim"]),
        .executableTarget(
            name: "LedgerVictim", dependencies: ["Ledger", "Model", "JSON", "Platform"], path: "Tests/LedgerVictim", swiftSettings: settings
        ),
        tests(
            "SchedulerTests",
            ["Simulator", "Scheduler", "Monitor", "Drivers", "Ledger", "Planner", "Model", "Frames", "Bus", "JSON", "Platform"]),
        tests("DriversTests", ["Drivers", "Bus", "Frames", "PluginHost", "Model", "JSON", "Platform", "Host"]),
        tests("MonitorTests", ["Monitor", "Model", "JSON", "Platform"]),
        tests(
            "FederationTests",
            ["Federation", "Scheduler", "Simulator", "Planner", "Ledger", "Bus", "Frames", "Model", "JSON", "Platform", "Host"]),
        tests("HostTests", ["Host", "ExampleClient", "PluginHost", "Bus", "Frames", "JSON", "Model", "Platform"]),
        tests("LeaseTests", ["Host", "Bus", "Ledger", "CSQLite", "JSON", "Model", "Platform"]),
        tests("LibvirtTests", ["Host", "JSON", "Model", "Platform", "PluginHost"]),
        tests("OpenStackTests", ["DriverHTTP", "JSON", "Model", "Platform", "PluginHost"]),
    ],
    swiftLanguageModes: [.v6]
)

// libFuzzer brings its own main, so its targets exist only where Tests/Fuzz/run asks for them.
if Context.environment["BERTH_FUZZ"] != nil {
    for name in ["Configuration", "ELFNote", "Frames"] {
        package.targets.append(
            .executableTarget(
                name: "Fuzz\(name)", dependencies: ["PluginHost", "Frames", "JSON"], path: "Tests/Fuzz/\(name)",
                swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])]))
        package.products.append(.executable(name: "Fuzz\(name)", targets: ["Fuzz\(name)"]))
    }
}
