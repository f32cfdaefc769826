import Foundation
import JSON
import Model
import Platform
import PluginHost
import RawBench

/// `berth-bench plugins`: `berth plugins` with fifty plugins, from the start of the process to its end, against a C program that
/// does nothing and a Swift program that does nothing.
enum PluginsBenchmark {
    static func run(quick: Bool) throws -> JSON {
        let directory = try ProbeLibrary.makeDirectory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let header = "\(directory)/driver.c"
        var text = "[host]\nplugin-path = \(directory)\n"
        for number in 1...50 {
            try source(number).write(toFile: header, atomically: true, encoding: .utf8)
            try ProbeLibrary.compile(["-O1", "-fPIC", "-shared", "-I", include, header, "-o", "\(directory)/driver-\(number).so"])
            text +=
                "[plugin driver-\(number)]\nmodule = driver-\(number).so\nabi = compute/1\n[provider p\(number)]\nplugin = driver-\(number)\n"
        }
        try text.write(toFile: "\(directory)/plugins.conf", atomically: true, encoding: .utf8)
        try "int main(void) { return 0; }".write(toFile: "\(directory)/nothing.c", atomically: true, encoding: .utf8)
        try ProbeLibrary.compile(["-O1", "\(directory)/nothing.c", "-o", "\(directory)/nothing"])

        var listing: [Int64] = []
        var version: [Int64] = []
        var nothing: [Int64] = []
        for _ in 0..<(quick ? 10 : 100) {
            nothing.append(try time(["\(directory)/nothing"]))
            version.append(try time([ProbeLibrary.berth, "version"]))
            listing.append(try time([ProbeLibrary.berth, "plugins", "--config", "\(directory)/plugins.conf"]))
        }
        return [
            "plugins": 50, "list": Samples(listing).json, "berth_version": Samples(version).json, "empty_c_program": Samples(nothing).json,
        ]
    }

    private static func time(_ words: [String]) throws -> Int64 {
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var status: Int32 = 0
        let nanoseconds = raw_run(words[0], &arguments, &status)
        guard nanoseconds > 0, status == 0 else { throw BerthError(.broken, "\(words.joined(separator: " ")) ends with \(status)") }
        return nanoseconds
    }

    /// A driver as far as a listing sees it.
    private static func source(_ number: Int) -> String {
        """
        #include <berth/driver.h>
        BERTH_DRIVER_NOTE("bench-\(number)", "1.\(number)")
        const berth_plugin_t *berth_driver_entry(uint32_t major, uint32_t minor) { (void)major, (void)minor; return NULL; }
        """
    }

    private static let include =
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
        + "/Sources/PluginABI/include"
}
