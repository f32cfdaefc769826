import Glibc
import JSON

/// The compiler's plugin behind `#berthDriver`. The compiler starts it, sends requests on standard input and reads answers
/// from standard output: each is eight bytes of length, little endian, and a JSON object. There is one macro, and it needs
/// no syntax tree, so the kit does without swift-syntax (docs/decisions/0020).
while let message = Wire.read() {
    Wire.write(answer(message))
}

func answer(_ message: JSON) -> JSON {
    if message["getCapability"] != nil {
        return ["getCapabilityResult": ["capability": ["protocolVersion": 7, "features": []]]]
    }
    guard let request = message["expandFreestandingMacro"], let source = request["syntax"]?["source"]?.string else {
        return expansion(nil, "the compiler asks for something else than a freestanding macro", at: .null)
    }
    do throws(DriverDeclaration.Mistake) {
        return expansion(try DriverDeclaration(source).expansion, nil, at: .null)
    } catch {
        return expansion(nil, error.message, at: request["syntax"]?["location"] ?? .null)
    }
}

func expansion(_ source: String?, _ mistake: String?, at location: JSON) -> JSON {
    var diagnostics: [JSON] = []
    if let mistake {
        let position: JSON = ["fileName": location["fileName"] ?? "", "offset": location["offset"] ?? 0]
        diagnostics = [
            ["message": .string(mistake), "severity": "error", "position": position, "highlights": [], "notes": [], "fixIts": []]
        ]
    }
    return ["expandMacroResult": ["expandedSource": JSON(source ?? ""), "diagnostics": .array(diagnostics)]]
}
