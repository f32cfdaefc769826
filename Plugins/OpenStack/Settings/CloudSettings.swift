import JSON

/// Where the cloud is, who we are there, and how machines are made. From the provider's section, `clouds.yaml` and `OS_*`
/// variables, the first that says something winning.
struct CloudSettings: Sendable {
    /// How we log in.
    enum Credential: Sendable {
        case password(user: Name, domain: Name, password: String)
        case applicationCredential(id: String, secret: String)
        /// By name, which is unique for its user only.
        case namedApplicationCredential(name: String, user: Name, domain: Name, secret: String)
        case token(String)
    }

    /// OpenStack takes most things by id or by name.
    enum Name: Sendable, Equatable {
        case id(String)
        case name(String)

        var json: JSON {
            switch self {
            case .id(let id): ["id": .string(id)]
            case .name(let name): ["name": .string(name)]
            }
        }
    }

    var authURL: String
    var credential: Credential
    var project: Name?
    var projectDomain = Name.name("Default")
    /// A scope of the whole domain instead of a project.
    var domainScope: Name?
    var region: String?
    var interface = "public"

    var certificateAuthority: String?
    var certificate: String?
    var key: String?
    var verifiesServer = true

    var networks: [String] = []
    var securityGroups: [String] = []
    var availabilityZone: String?
    var bootsFromVolume = false
    var volumeGiB: Int?
    var floatingNetwork: String?
    /// How long `create` waits for a server to leave BUILD before it answers `building`.
    var settleSeconds = 20
    /// How often changes are looked for; 0: never.
    var pollSeconds = 10
    /// How long a connection may take to stand, and how long a service may say nothing.
    var connectSeconds = 10
    var stallSeconds = 60
    /// Addresses of services that count more than the catalog's, which may hold what only the cloud itself can reach.
    var endpoints: [String: String] = [:]
    var recordFolder: String?
}

extension CloudSettings {
    /// Reads `open`'s settings (already checked against the schema), with what `clouds.yaml` and the environment add.
    init(_ config: JSON, environment: [String: String]) throws(SettingsError) {
        let cloud = try CloudsFile.cloud(config, environment: environment)
        let sources = Sources(config: config, cloud: cloud, environment: environment)

        guard let url = sources.text("auth_url", "auth_url", "OS_AUTH_URL") else {
            throw SettingsError("auth_url is missing: set config.auth_url, or config.cloud to a cloud of clouds.yaml")
        }
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            throw SettingsError("auth_url '\(url)' is no http or https address")
        }
        authURL = Self.versioned(url)
        credential = try Self.credential(sources)
        project = sources.name("project", "OS_PROJECT") ?? sources.text(nil, "tenant_name", "OS_TENANT_NAME").map(Name.name)
        if let domain = sources.name("project_domain", "OS_PROJECT_DOMAIN") { projectDomain = domain }
        if project == nil { domainScope = sources.name("domain", "OS_DOMAIN") }
        region = sources.text("region", "region_name", "OS_REGION_NAME")
        interface = Self.interface(sources.text("interface", "interface", "OS_INTERFACE") ?? "public")

        certificateAuthority = sources.text("cacert", "cacert", "OS_CACERT")
        certificate = sources.text("cert", "cert", "OS_CERT")
        key = sources.text("key", "key", "OS_KEY")
        verifiesServer = !(config["insecure"]?.bool ?? false) && cloud["verify"]?.bool != false

        networks = config["networks"]?.array?.compactMap { $0.string } ?? []
        securityGroups = config["security_groups"]?.array?.compactMap { $0.string } ?? []
        availabilityZone = config["availability_zone"]?.string
        bootsFromVolume = config["boot_from_volume"]?.bool ?? false
        volumeGiB = config["volume_gib"]?.int
        floatingNetwork = config["floating_network"]?.string
        settleSeconds = config["settle_s"]?.int ?? settleSeconds
        pollSeconds = config["poll_s"]?.int ?? pollSeconds
        connectSeconds = config["connect_s"]?.int ?? connectSeconds
        stallSeconds = config["stall_s"]?.int ?? stallSeconds
        for field in config["endpoints"]?.object?.fields ?? [] { endpoints[field.name] = field.value.string }
        recordFolder = config["record"]?.string
    }

    private static func credential(_ sources: Sources) throws(SettingsError) -> Credential {
        let user = sources.name("user", "OS_USER") ?? sources.text("username", "username", "OS_USERNAME").map(Name.name)
        let domain = sources.name("user_domain", "OS_USER_DOMAIN") ?? .name("Default")
        let secret = sources.text("application_credential_secret", "application_credential_secret", "OS_APPLICATION_CREDENTIAL_SECRET")
        if let secret, let id = sources.text("application_credential_id", "application_credential_id", "OS_APPLICATION_CREDENTIAL_ID") {
            return .applicationCredential(id: id, secret: secret)
        }
        if let secret, let user,
            let name = sources.text("application_credential_name", "application_credential_name", "OS_APPLICATION_CREDENTIAL_NAME")
        {
            return .namedApplicationCredential(name: name, user: user, domain: domain, secret: secret)
        }
        if let password = sources.text("password", "password", "OS_PASSWORD") {
            guard let user else { throw SettingsError("a password needs config.username or config.user_id") }
            return .password(user: user, domain: domain, password: password)
        }
        if let token = sources.text("token", "token", "OS_TOKEN") { return .token(token) }
        throw SettingsError(
            "no credentials: set config.username and config.password, or config.application_credential_id and config.application_credential_secret"
        )
    }

    /// The address with the version that we speak, whatever was written.
    private static func versioned(_ url: String) -> String {
        var base = url
        while base.hasSuffix("/") { base.removeLast() }
        for suffix in ["/v3", "/v2.0"] where base.hasSuffix(suffix) { base.removeLast(suffix.count) }
        return base + "/v3"
    }

    private static func interface(_ text: String) -> String {
        text.hasSuffix("URL") ? String(text.dropLast(3)) : text
    }
}

/// What is wrong with the settings.
struct SettingsError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

/// The three places that a setting may come from.
private struct Sources {
    var config: JSON
    var cloud: JSON
    var environment: [String: String]

    func text(_ setting: String?, _ cloudKey: String, _ variable: String) -> String? {
        setting.flatMap { config[$0]?.string } ?? cloud["auth"]?[cloudKey]?.string ?? cloud[cloudKey]?.string
            ?? environment[variable].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// `project_id` before `project` (in the cloud's file `project_name`).
    func name(_ setting: String, _ variable: String) -> CloudSettings.Name? {
        if let id = text("\(setting)_id", "\(setting)_id", "\(variable)_ID") { return .id(id) }
        return text(setting, "\(setting)_name", "\(variable)_NAME").map(CloudSettings.Name.name)
    }
}
