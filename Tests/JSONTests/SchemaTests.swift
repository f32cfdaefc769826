import JSON
import Testing

@Suite("JSON Schema, as far as Berth uses it")
struct SchemaTests {
    static let cases: [(JSON, JSON, [String])] = [
        (["type": "integer"], 1, []), (["type": "integer"], 1.0, []), (["type": "integer"], 1.5, ["is a number, not an integer"]),
        (["type": "number"], 1, []), (["type": ["string", "null"]], nil, []),
        (["type": ["string", "null"]], 1, ["is an integer, not a string or null"]),
        (["enum": ["a", 1]], 1.0, []), (["enum": ["a", 1]], "b", ["is none of a, 1"]), (["minimum": 2], 1, ["is less than 2"]),
        (["maximum": 2.5], 3, ["is more than 2.5"]),
        (["minimum": 2], "a", []), (["pattern": "^a+$"], "aa", []), (["pattern": "^a+$"], "ab", ["does not match ^a+$"]),
        (["required": ["a"]], [:], ["a is missing"]),
        (["properties": ["a": ["type": "string"]]], ["a": 1, "b": 2], ["a is an integer, not a string"]),
        (["properties": ["a": [:]], "additionalProperties": false], ["a": 1, "b": 2], ["b is not known"]),
        (["additionalProperties": ["type": "string"]], ["b": 2], ["b is an integer, not a string"]),
        (["items": ["type": "string"]], ["a", 1], ["[1] is an integer, not a string"]),
        (["properties": ["d": ["items": ["required": ["size"]]]]], ["d": [["x": 1]]], ["d[0].size is missing"]),
    ]

    @Test("each keyword says what is wrong, and where", arguments: cases)
    func keywords(schema: JSON, value: JSON, problems: [String]) throws {
        #expect(try JSON.Schema(schema).problems(of: value).map { "\($0)" } == problems)
    }

    @Test(
        "a schema that promises more than is checked is refused",
        arguments: [
            (["anyOf": []], "'anyOf' is a keyword that Berth does not check"), (["type": "text"], nil),
            (["pattern": "("], "'pattern' is no extended regular expression"),
            (["type": "integer", "default": "x"], "'default' does not fit the schema"),
            (["properties": ["a": ["minLength": 1]]], "properties.a: 'minLength' is a keyword that Berth does not check"),
            ([], "a schema is an object"), (["enum": []], "'enum' is no list"), (["required": "a"], "'required' is no list of names"),
            (["items": [["type": "string"]]], "items: a schema is an object"),
        ] as [(JSON, String?)])
    func refused(schema: JSON, message: String?) {
        let error = #expect(throws: JSON.SchemaError.self) { try JSON.Schema(schema) }
        if let message { #expect(error?.description == message) }
    }

    @Test("keywords that only describe are passed over")
    func silent() throws {
        let schema = try JSON.Schema([
            "$schema": "x", "title": "t", "description": "d", "examples": [1], "format": "uri", "writeOnly": true,
        ])
        #expect(schema.isSecret && schema.description == "d" && schema.problems(of: 1).isEmpty)
    }
}
