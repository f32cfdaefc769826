// swift-tools-version: 6.2
import PackageDescription

// A driver in Swift, in a package of its own. It needs PluginKit and nothing else of Berth.
let package = Package(
    name: "desk-driver",
    products: [.library(name: "Desk", type: .dynamic, targets: ["Desk"])],
    dependencies: [
        // Where you keep Berth's sources.
        .package(name: "berth", path: "../..")
    ],
    targets: [
        .target(
            name: "Desk",
            dependencies: [.product(name: "PluginKit", package: "berth")],
            // The version script: the library exports its entry and nothing else.
            linkerSettings: [.unsafeFlags(["-Xlinker", "--version-script=\(Context.packageDirectory)/driver.map"])])
    ],
    swiftLanguageModes: [.v6]
)
