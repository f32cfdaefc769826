import CYAML
import JSON

/// YAML as `clouds.yaml` uses it, read by libyaml into JSON: mappings, sequences, scalars, aliases.
struct YAML: ~Copyable {
    struct ParseError: Error, CustomStringConvertible {
        var description: String
    }

    private var parser = yaml_parser_t()
    private var anchors: [String: JSON] = [:]

    /// The first document of a text; null for an empty one.
    static func parse(_ text: String) throws -> JSON {
        let bytes = Array(text.utf8)
        return try bytes.withUnsafeBufferPointer { buffer in
            var yaml = YAML()
            yaml_parser_initialize(&yaml.parser)
            yaml_parser_set_input_string(&yaml.parser, buffer.baseAddress, buffer.count)
            return try yaml.document()
        }
    }

    deinit {
        var parser = parser
        yaml_parser_delete(&parser)
    }

    private enum Event {
        case scalar(String, isPlain: Bool, anchor: String?)
        case alias(String)
        case sequenceStart(anchor: String?)
        case mappingStart(anchor: String?)
        case end
        case other
    }

    /// `yaml_parser_parse`
    private mutating func next() throws -> Event {
        var event = yaml_event_t()
        guard yaml_parser_parse(&parser, &event) == 1 else {
            let problem = parser.problem.map { String(cString: $0) } ?? "not YAML"
            throw ParseError(description: "line \(parser.problem_mark.line + 1): \(problem)")
        }
        defer { yaml_event_delete(&event) }
        let data = event.data
        func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
            pointer.map { String(cString: $0) }
        }
        switch event.type {
        case YAML_SCALAR_EVENT:
            let value = String(decoding: UnsafeBufferPointer(start: data.scalar.value, count: data.scalar.length), as: UTF8.self)
            return .scalar(value, isPlain: data.scalar.style == YAML_PLAIN_SCALAR_STYLE, anchor: text(data.scalar.anchor))
        case YAML_ALIAS_EVENT: return .alias(text(data.alias.anchor) ?? "")
        case YAML_SEQUENCE_START_EVENT: return .sequenceStart(anchor: text(data.sequence_start.anchor))
        case YAML_MAPPING_START_EVENT: return .mappingStart(anchor: text(data.mapping_start.anchor))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT, YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT: return .end
        default: return .other
        }
    }

    private mutating func document() throws -> JSON {
        while true {
            let event = try next()
            switch event {
            case .other: continue
            case .end: return .null
            default: return try value(event, depth: 0) ?? .null
            }
        }
    }

    /// The value that starts with this event; nil at the end of a collection.
    private mutating func value(_ event: Event, depth: Int) throws -> JSON? {
        guard depth < 32 else { throw ParseError(description: "more than 32 levels deep") }
        switch event {
        case .end: return nil
        case .other: return .null
        case .alias(let name):
            guard let value = anchors[name] else { throw ParseError(description: "no anchor &\(name)") }
            return value
        case .scalar(let text, let isPlain, let anchor): return remember(anchor, isPlain ? Self.plain(text) : .string(text))
        case .sequenceStart(let anchor):
            var values: [JSON] = []
            while let value = try value(next(), depth: depth + 1) { values.append(value) }
            return remember(anchor, .array(values))
        case .mappingStart(let anchor):
            var object = JSON.Object()
            while let key = try value(next(), depth: depth + 1) {
                object[key.string ?? key.text] = try value(next(), depth: depth + 1)
            }
            return remember(anchor, .object(object))
        }
    }

    private mutating func remember(_ anchor: String?, _ value: JSON) -> JSON {
        if let anchor { anchors[anchor] = value }
        return value
    }

    private static func plain(_ text: String) -> JSON {
        switch text.lowercased() {
        case "", "~", "null": .null
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: Int64(text).map(JSON.int) ?? .string(text)
        }
    }
}
