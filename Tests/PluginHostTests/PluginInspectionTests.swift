import Foundation
import Platform
import TestSupport
import Testing

@testable import PluginHost

@Suite("what is known of a plugin without running it")
struct PluginInspectionTests {
    @Test("a good driver is ready, and each step says what it found")
    func ready() throws {
        let inspection = try inspect(try Zoo.good.build())
        #expect(inspection.state == .ready && inspection.reason == nil)
        #expect(
            inspection.steps.map { "\($0.name) \($0.outcome)" } == [
                "resolve passed", "permissions passed", "sha256 skipped", "elf passed", "note passed", "abi passed",
            ])
        #expect(inspection.note?.id == "zoo-good" && inspection.note?.version == "1.0" && inspection.note?.abi == "compute")
    }

    @Test(
        "a driver that cannot be used says why and what to do",
        arguments: [
            (Zoo.noNote, PluginInspection.State.notADriver, "a shared library without the ELF note of a driver; write BERTH_DRIVER_NOTE"),
            (
                .wrongMajor, .incompatible,
                "it speaks compute/2, the section says compute/1; write abi = compute/2, or build it for compute/1"
            ),
            (
                .newerMinor, .incompatible,
                "it needs compute/1 minor 1, this host knows up to 0; a newer Berth is needed, or an older driver"
            ),
            (.wrongMachine, .incompatible, "it is for AArch64, and this machine is"),
            (.wrongSignature, .incompatible, "it was built against another compute/1: hash "),
        ])
    func zoo(zoo: Zoo, state: PluginInspection.State, reason: String) throws {
        let inspection = try inspect(try zoo.build())
        #expect(inspection.state == state)
        #expect(inspection.reason?.hasPrefix(reason) == true, "\(inspection.reason ?? "no reason")")
        #expect(inspection.steps.last?.outcome == .failed && inspection.steps.last?.detail == inspection.reason)
    }

    @Test("looking at a driver does not map it")
    func notMapped() throws {
        let directory = try TemporaryDirectory("maps")
        let copy = directory("unmapped.so")
        try FileManager.default.copyItem(atPath: try Zoo.good.build(), toPath: copy)
        #expect(try inspect(copy).state == .ready)
        #expect(try !String(contentsOfFile: "/proc/self/maps", encoding: .utf8).contains("unmapped.so"))
    }

    @Test("a plugin that is switched off says where")
    func disabled() throws {
        let inspection = try inspect("/none.so", plugin: "enabled = no")
        #expect(inspection.state == .disabled && inspection.reason == "switched off at /etc/berth/plugins.conf:1; write enabled = yes")
    }

    @Test("a module is looked up in the plugin path, as NAME and as libNAME, whatever its case")
    func lookup() throws {
        let (one, two) = (try TemporaryDirectory("p"), try TemporaryDirectory("q"))
        let good = try Zoo.good.build()
        for (folder, name) in [(one, "libExact.so"), (two, "exact.so"), (two, "libOther.so")] {
            try FileManager.default.copyItem(atPath: good, toPath: folder(name))
        }
        func file(_ module: String) throws -> String? {
            let configuration = try read("[host]\nplugin-path = \(one.path):\(two.path)\n[plugin p]\nmodule = \(module)\n")
            return PluginInspection(configuration.plugins[0], in: configuration).file
        }
        #expect(try file("exact.so") == one("libExact.so"), "the first folder wins")
        #expect(try file("other.so") == two("libOther.so"))
        #expect(try file("libOther.so") == two("libOther.so"))
        #expect(try file("none.so") == nil)
    }

    @Test("a missing module is named with the path and the nearest one")
    func missing() throws {
        let folder = try TemporaryDirectory("p")
        try FileManager.default.copyItem(atPath: try Zoo.good.build(), toPath: folder("liblibvirt.so"))
        let configuration = try read(
            "[host]\nplugin-path = \(folder.path)\n[plugin p]\nmodule = libvrit.so\n[plugin q]\nmodule = /none/x.so\n")
        let first = PluginInspection(configuration.plugins[0], in: configuration)
        #expect(
            first.state == .missing
                && first.reason == "no file libvrit.so (or liblibvrit.so) in \(folder.path); did you mean module = libvirt.so?")
        let second = PluginInspection(configuration.plugins[1], in: configuration)
        #expect(
            second.state == .missing
                && second.reason == "no file /none/x.so; install the driver, or add its folder to plugin-path in [host]")
    }

    @Test("a file that others may write is refused", arguments: [0o664, 0o646])
    func mode(mode: Int) throws {
        let folder = try TemporaryDirectory("p")
        try FileManager.default.copyItem(atPath: try Zoo.good.build(), toPath: folder("d.so"))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: folder("d.so"))
        let inspection = try inspect(folder("d.so"))
        #expect(inspection.state == .refused)
        #expect(
            inspection.reason
                == "\(folder("d.so")) may be written by \(mode == 0o664 ? "its group" : "everybody") (mode \(String(mode, radix: 8))); chmod go-w \(folder("d.so"))"
        )
    }

    @Test("a folder that everybody may write is refused")
    func folderMode() throws {
        let folder = try TemporaryDirectory("p")
        try FileManager.default.copyItem(atPath: try Zoo.good.build(), toPath: folder("d.so"))
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder.path)
        #expect(try inspect(folder("d.so")).reason?.hasPrefix("\(folder.path) may be written by everybody") == true)
    }

    @Test("a file of somebody else is refused", .enabled(if: geteuid() == 0, "only root can give files away"))
    func owner() throws {
        let folder = try TemporaryDirectory("p")
        try FileManager.default.copyItem(atPath: try Zoo.good.build(), toPath: folder("d.so"))
        #expect(chown(folder("d.so"), 12_345, 0) == 0)
        #expect(
            try inspect(folder("d.so")).reason
                == "\(folder("d.so")) belongs to uid 12345, which is neither root nor the host's own; chown it")
    }

    @Test("a link out of the plugin path is refused, one within it is followed")
    func links() throws {
        let (inside, outside) = (try TemporaryDirectory("p"), try TemporaryDirectory("q"))
        for folder in [inside, outside] { try FileManager.default.copyItem(atPath: try Zoo.good.build(), toPath: folder("real.so")) }
        try FileManager.default.createSymbolicLink(atPath: inside("near.so"), withDestinationPath: "real.so")
        try FileManager.default.createSymbolicLink(atPath: inside("far.so"), withDestinationPath: outside("real.so"))
        #expect(try inspect(inside("near.so")).state == .ready)
        let far = try inspect(inside("far.so"))
        #expect(far.state == .refused && far.reason?.contains("is a link out of the plugin path, to \(outside("real.so"))") == true)
    }

    @Test("a pinned file must be the pinned one")
    func pin() throws {
        let module = try Zoo.good.build()
        let digest = try Execution.run("/usr/bin/sha256sum", [module]).standardOutput.prefix(64)
        #expect(try inspect(module, plugin: "sha256 = \(digest.uppercased())").state == .ready)
        let wrong = String(repeating: "0", count: 64)
        let inspection = try inspect(module, plugin: "sha256 = \(wrong)")
        #expect(
            inspection.state == .refused
                && inspection.reason == "the file's sha256 is \(digest), not the pinned one; if you trust the file, pin that instead")
    }

    @Test(
        "what is no shared library is no driver",
        arguments: [("text", "it is no ELF file"), ("", "it is no ELF file"), ("\u{7F}ELF", "its ELF header is cut short")])
    func notELF(content: String, reason: String) throws {
        let folder = try TemporaryDirectory("p")
        let inspection = try inspect(try folder.write("d.so", content))
        #expect(inspection.state == .notADriver && inspection.reason == reason)
    }

    @Test("a folder and an object file are no drivers")
    func others() throws {
        let folder = try TemporaryDirectory("p")
        try FileManager.default.createDirectory(atPath: folder("d.so"), withIntermediateDirectories: false)
        #expect(try inspect(folder("d.so")).state == .refused)
        let source = try folder.write("x.c", "int x;")
        try CCompiler.run(["-c", source, "-o", folder("x.o")])
        #expect(try inspect(folder("x.o")).reason == "it is an object file: link it with -shared")
    }

    @Test("a flat library needs no note")
    func flat() throws {
        let inspection = try inspect(try Zoo.noNote.build(), plugin: "style = flat")
        #expect(inspection.state == .ready && inspection.note == nil)
    }

    @Test("the note survives the loss of the section table")
    func stripped() throws {
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: try Zoo.good.build())))
        for index in 40..<48 { bytes[index] = 0 }  // e_shoff
        for index in 60..<64 { bytes[index] = 0 }  // e_shnum, e_shstrndx
        let file = try ELFFile { offset, count in offset + count <= bytes.count ? Array(bytes[offset..<(offset + count)]) : nil }
        #expect(try DriverNote(of: file).id == "zoo-good")
    }

    @Test("no byte of a damaged file makes the reader crash", arguments: [UInt64(1), 2, 3])
    func damaged(seed: UInt64) throws {
        let whole = [UInt8](try Data(contentsOf: URL(filePath: try Zoo.good.build())))
        var generator = SplitMix(state: seed)
        for _ in 0..<2000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                // Headers are at the start, the section table at the end: that is where damage hurts.
                let near = Int.random(in: 0..<1024, using: &generator)
                bytes[Bool.random(using: &generator) ? near : bytes.count - 1 - near] = UInt8.random(in: 0...255, using: &generator)
            }
            bytes = Array(
                bytes.prefix(
                    Int.random(in: 0..<4, using: &generator) == 0 ? Int.random(in: 0..<bytes.count, using: &generator) : bytes.count))
            readNote(bytes)
        }
    }
}

/// What the loader does with a file's bytes; the fuzzer does the same.
func readNote(_ bytes: [UInt8]) {
    let source: ELFFile.Source = { offset, count in
        offset >= 0 && count >= 0 && offset <= bytes.count && count <= bytes.count - offset ? Array(bytes[offset..<(offset + count)]) : nil
    }
    guard let file = try? ELFFile(source) else { return }
    _ = try? DriverNote(of: file)
}
