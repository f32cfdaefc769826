public import JSON

/// Who made a driver, what it can do, and which settings it takes: the descriptor without what the ELF note says already.
public struct DriverDescription: Sendable {
    /// For people: `libvirt (KVM, QEMU, LXC)`.
    public var name: String
    public var vendor: String
    /// An SPDX expression.
    public var license: String
    public var url: String
    public var capabilities: [Capability]
    public var settings: SettingsSchema

    public init(
        name: String, vendor: String = "", license: String = "", url: String = "", capabilities: [Capability],
        settings: SettingsSchema = []
    ) {
        self.name = name
        self.vendor = vendor
        self.license = license
        self.url = url
        self.capabilities = capabilities
        self.settings = settings
    }
}

/// The settings that a driver takes, written to the descriptor as a JSON Schema. The host checks a provider's settings
/// against it before ``Driver/init(settings:host:call:)``, and fills in the defaults.
public struct SettingsSchema: Sendable, ExpressibleByArrayLiteral {
    public var json: JSON

    /// A schema of your own, for what ``Setting`` cannot say.
    public init(_ json: JSON) {
        self.json = json
    }

    public init(arrayLiteral settings: Setting...) {
        self.init(settings)
    }

    public init(_ settings: [Setting]) {
        var properties: JSON = .object(JSON.Object())
        for setting in settings { properties[setting.name] = setting.schema }
        let required = settings.filter(\.isRequired).map(\.name)
        json = ["type": "object", "properties": properties, "additionalProperties": false]
        if !required.isEmpty { json["required"] = JSON(required) }
    }
}

/// One setting: `config.NAME` in `plugins.conf`.
public struct Setting: Sendable {
    public var name: String
    public var schema: JSON
    public var isRequired: Bool

    init(_ name: String, _ type: String, _ help: String, required: Bool, _ more: KeyValuePairs<String, JSON?>) {
        self.name = name
        schema = ["type": .string(type), "description": .string(help)]
        for (keyword, value) in more { schema[keyword] = value }
        isRequired = required
    }

    public static func string(
        _ name: String, _ help: String, required: Bool = false, default value: String? = nil, oneOf: [String]? = nil,
        pattern: String? = nil
    ) -> Setting {
        Setting(
            name, "string", help, required: required,
            ["default": value.map(JSON.string), "enum": oneOf.map(JSON.init), "pattern": pattern.map(JSON.string)])
    }

    public static func integer(
        _ name: String, _ help: String, required: Bool = false, default value: Int? = nil, minimum: Int? = nil, maximum: Int? = nil
    ) -> Setting {
        Setting(
            name, "integer", help, required: required,
            ["default": value.map { JSON($0) }, "minimum": minimum.map { JSON($0) }, "maximum": maximum.map { JSON($0) }])
    }

    public static func number(
        _ name: String, _ help: String, required: Bool = false, default value: Double? = nil, minimum: Double? = nil,
        maximum: Double? = nil
    ) -> Setting {
        Setting(
            name, "number", help, required: required,
            ["default": value.map { JSON($0) }, "minimum": minimum.map { JSON($0) }, "maximum": maximum.map { JSON($0) }])
    }

    public static func boolean(_ name: String, _ help: String, default value: Bool? = nil) -> Setting {
        Setting(name, "boolean", help, required: false, ["default": value.map { JSON($0) }])
    }

    /// Several strings, separated by commas in `plugins.conf`.
    public static func strings(_ name: String, _ help: String, required: Bool = false, default value: [String]? = nil) -> Setting {
        Setting(name, "array", help, required: required, ["items": ["type": "string"], "default": value.map { JSON($0) }])
    }

    /// Settings below a name: `config.NAME.OTHER`.
    public static func object(_ name: String, _ help: String, required: Bool = false, _ settings: SettingsSchema) -> Setting {
        var setting = Setting(name, "object", help, required: required, [:])
        for field in settings.json.object?.fields ?? [] { setting.schema[field.name] = field.value }
        return setting
    }
}
