import JSON
import Model
import PluginHost

/// Settings from the command line: `key=value`, typed by the driver's schema as those of `plugins.conf` are.
enum SettingsText {
    static func document(_ pairs: [(name: String, value: String)], _ schema: JSON.Schema) throws(BerthError) -> JSON {
        var document: JSON = [:]
        for (name, value) in pairs {
            document = try put(
                name.split(separator: ".").map(String.init)[...], SettingValue(value).resolve(), into: document, schema, name)
        }
        document = schema.withDefaults(document)
        let problems = schema.problems(of: document)
        guard problems.isEmpty else {
            let known = schema.properties.map(\.name).joined(separator: ", ")
            throw BerthError(
                .invalid, "the settings do not fit: " + problems.map { "\($0)" }.joined(separator: "; "),
                hint: known.isEmpty ? nil : "the driver takes \(known)")
        }
        return document
    }

    private static func put(
        _ path: ArraySlice<String>, _ text: String, into object: JSON, _ schema: JSON.Schema, _ name: String
    ) throws(BerthError) -> JSON {
        guard let first = path.first, let below = schema.property(first) else {
            let meant = nearest(path.first ?? "", among: schema.properties.map(\.name))
            throw BerthError(.invalid, "'\(name)' is not a setting of this driver", hint: meant.map { "did you mean '\($0)'?" })
        }
        var object = object
        if path.count > 1 {
            object[first] = try put(path.dropFirst(), text, into: object[first] ?? [:], below, name)
            return object
        }
        guard let value = below.value(ofText: text) else {
            throw BerthError(.invalid, "'\(name)' is not \(below.types.map(\.rawValue).joined(separator: " or "))")
        }
        object[first] = value
        return object
    }
}
