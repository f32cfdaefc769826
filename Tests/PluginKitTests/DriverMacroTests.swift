import Foundation
import JSON
import TestSupport
import Testing

/// The program behind `#berthDriver`, asked as the compiler asks it.
@Suite("PluginKit.macro")
struct DriverMacroTests {
    /// Sends messages, answers the replies.
    func ask(_ messages: [JSON]) throws -> [JSON] {
        let process = Process()
        process.executableURL = URL(filePath: "\(Products.directory)/PluginKitMacros-tool")
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        for message in messages {
            let body = message.bytes
            var size = UInt64(body.count).littleEndian
            try input.fileHandleForWriting.write(contentsOf: Data(bytes: &size, count: 8) + Data(body))
        }
        try input.fileHandleForWriting.close()
        var rest = [UInt8](output.fileHandleForReading.readDataToEndOfFile())[...]
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        var replies: [JSON] = []
        while rest.count >= 8 {
            let size = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
            replies.append(try JSON(parsing: Array(rest.dropFirst(8).prefix(size))))
            rest = rest.dropFirst(8 + size)
        }
        return replies
    }

    func expand(_ source: String) throws -> JSON {
        let request: JSON = [
            "expandFreestandingMacro": [
                "macro": ["moduleName": "PluginKitMacros", "typeName": "DriverMacro", "name": "berthDriver"],
                "syntax": ["kind": "expression", "source": .string(source), "location": ["fileName": "a.swift", "offset": 7]],
            ]
        ]
        let replies = try ask([["getCapability": ["capability": ["protocolVersion": 7]]], request])
        #expect(replies.count == 2)
        #expect(replies.first?["getCapabilityResult"]?["capability"]?["protocolVersion"] == 7)
        return try #require(replies.last?["expandMacroResult"])
    }

    @Test("the entry and the note come from the same words")
    func expansion() throws {
        let result = try expand("\n#berthDriver(My.Shelf.self, id: \"shelf-2.x\", version: \"1.0 (beta)\")")
        #expect(result["diagnostics"] == [])
        let source = try #require(result["expandedSource"]?.string)
        #expect(source.contains("@c public func berth_driver_entry"))
        #expect(source.contains(#"DriverExport.plugin(My.Shelf.self, id: "shelf-2.x", version: "1.0 (beta)")"#))
        let bytes = Array("shelf-2.x".utf8).map { "\($0)" }.joined(separator: ", ")
        #expect(source.contains("\(bytes), 0, 0"))
    }

    @Test(
        "what cannot become a note is refused with a reason",
        arguments: [
            (#"#berthDriver(Shelf.self, id: "Shelf", version: "1")"#, "[a-z0-9]"),
            (#"#berthDriver(Shelf.self, id: name, version: "1")"#, "literal"),
            (#"#berthDriver(Shelf.self, id: "a\(b)", version: "1")"#, "literal"),
            (#"#berthDriver(Shelf.self, id: "a", version: "")"#, "1 to 31"),
            (#"#berthDriver(Shelf.self, id: "a", version: "01234567890123456789012345678901")"#, "1 to 31"),
            (#"#berthDriver(Shelf.self, version: "1", id: "a")"#, "id:"),
            (#"#berthDriver(Shelf, id: "a", version: "1")"#, "Type.self"),
            (#"#berthDriver"#, "Type.self"),
        ])
    func refused(source: String, word: String) throws {
        let result = try expand(source)
        let diagnostic = try #require(result["diagnostics"]?[0])
        #expect(diagnostic["message"]?.string?.contains(word) == true)
        #expect(diagnostic["severity"] == "error")
        #expect(diagnostic["position"]?["fileName"] == "a.swift")
    }
}
