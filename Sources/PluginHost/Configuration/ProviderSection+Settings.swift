import Glibc
public import JSON
public import Model

extension ProviderSection {
    /// The settings as the driver gets them: secrets read, each value with the type that the schema gives it, defaults
    /// filled in. The error (`invalid`) names every field that is wrong, and never a value.
    public func settings(for schema: JSON.Schema?) throws(BerthError) -> JSON {
        let schema = schema ?? JSON.Schema()
        var problems: [String] = []
        var document: JSON = [:]
        for setting in settings {
            do throws(BerthError) {
                let field = setting.name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
                try ProviderSection.put(setting, field[...], into: &document, schema)
            } catch {
                problems.append("\(setting.location): config.\(setting.name) \(error.description)")
            }
        }
        if problems.isEmpty {
            document = schema.withDefaults(document)
            problems = schema.problems(of: document).map { "config.\($0)" }
        }
        guard problems.isEmpty else {
            let fields = schema.properties.map { "config.\($0.name)" }.joined(separator: ", ")
            throw BerthError(
                .invalid, "[provider \(name)]: " + problems.joined(separator: "; "),
                hint: fields.isEmpty ? nil : "the settings are \(fields); see `berth plugins show \(plugin) --example`")
        }
        return document
    }

    /// Puts one setting where its dots say.
    private static func put(_ setting: Setting, _ path: ArraySlice<String>, into object: inout JSON, _ schema: JSON.Schema)
        throws(BerthError)
    {
        guard let name = path.first, !name.isEmpty else { throw BerthError(.invalid, "has an empty part between dots") }
        guard let below = schema.property(name) else {
            let meant = nearest(name, among: schema.properties.map(\.name))
            throw BerthError(.invalid, "is not a setting of this driver", hint: meant.map { "did you mean '\($0)'?" })
        }
        if path.count > 1 {
            var inner = object[name] ?? [:]
            guard inner.object != nil else { throw BerthError(.invalid, "stands beside 'config.\(name)', which is a plain value") }
            try put(setting, path.dropFirst(), into: &inner, below)
            object[name] = inner
            return
        }
        guard object[name] == nil else { throw BerthError(.invalid, "stands beside settings below it") }
        if below.isSecret, !setting.value.isSecret {
            throw BerthError(.invalid, "is a secret and stands there in clear", hint: "write @file:PATH or @env:NAME")
        }
        let text = try setting.value.resolve()
        guard let value = below.value(ofText: text) else {
            throw BerthError(.invalid, "is not \(below.types.map(\.rawValue).joined(separator: " or "))")
        }
        object[name] = value
    }
}

extension SettingValue {
    /// The value itself; for a secret, what the file or variable holds now.
    public func resolve() throws(BerthError) -> String {
        switch self {
        case .literal(let text), .secret(let text): return text
        case .file(let path):
            do throws(FileError) {
                let bytes = try DiskFiles.read(path, atMost: 64 << 10)
                guard var text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) else {
                    throw FileError(reason: "it is not UTF-8 text")
                }
                if text.last == "\n" || text.last == "\r\n" { text.removeLast() }
                return text
            } catch {
                throw BerthError(.invalid, "cannot be read from \(path): \(error.reason)")
            }
        case .environment(let name):
            guard let value = getenv(name) else {
                throw BerthError(.invalid, "comes from the variable \(name), which is not set", hint: "set \(name) where the host starts")
            }
            return String(cString: value)
        }
    }
}
