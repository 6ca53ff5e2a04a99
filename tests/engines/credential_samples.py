"""Lines of configuration files, each with one made-up credential in the notation of its tool.

The values are drawn from a seeded generator when the tests run, so that no file of this
repository holds anything that looks like a live key.
"""

from __future__ import annotations

import base64
import random
import string

_DRAW = random.Random(20)
_WORDS = (
    "tulip", "Marble", "quartz", "Falcon", "ember", "Willow", "cobalt", "Juniper", "otter",
    "Saffron", "walrus", "Nimbus", "pepper", "Orchid", "badger", "Velvet",
)  # fmt: skip


def signs(length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(_DRAW.choice(alphabet) for _ in range(length))


def digits(length: int) -> str:
    return signs(length, string.digits)


def hexes(length: int) -> str:
    return signs(length, "0123456789abcdef")


def chosen() -> str:
    """A password as people choose them."""
    first, second = _DRAW.sample(_WORDS, 2)
    return f"{first}{_DRAW.choice('-_!#.')}{second}{_DRAW.randrange(10, 99)}"


def simple() -> str:
    """A lazy password: a word and a number."""
    return f"{_DRAW.choice(_WORDS).lower()}{_DRAW.randrange(10, 999)}"


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def crypt(length: int) -> str:
    return signs(length, string.ascii_letters + string.digits + "./")


def salt() -> str:
    """A WordPress salt: 64 signs of every kind."""
    return signs(64, string.ascii_letters + string.digits + "!@#$%^&*()-_ []{}~`+=,.;:/?|")


def uuid() -> str:
    return "-".join(hexes(length) for length in (8, 4, 4, 4, 12))


def web_token() -> str:
    head = base64_of('{"alg":"HS256","typ":"JWT"}').rstrip("=")
    body = base64_of(f'{{"sub":"{digits(8)}","name":"K"}}').rstrip("=")
    return f"{head}.{body}.{signs(43)}"


SHELL = [
    f"export AWS_ACCESS_KEY_ID=AKIA{signs(16, string.ascii_uppercase + '234567')}",
    f"export AWS_SECRET_ACCESS_KEY={signs(40)}",
    f"export HOMEBREW_GITHUB_API_TOKEN=ghp_{signs(36)}",
    f"export SLACK_API_TOKEN=xoxp-{digits(12)}-{digits(12)}-{digits(12)}-{hexes(32)}",
    f"export MAILCHIMP_API_KEY={hexes(32)}-us12",
    f'export CODECLIMATE_REPO_TOKEN="{hexes(64)}"',
    f"export CI_DEPLOY_PASSWORD='{chosen()}'",
    f"alias dbshell='mysql -h db1 -u root -p{chosen()} shop'",
    f'alias rdb="redis-cli -h cache1 -a {chosen()}"',
    f"curl -u deploy:{chosen()} https://ci.acme-corp.net/job/build",
    f"curl -H 'Authorization: Bearer {signs(40)}' https://api.acme-corp.net/v1/me",
    f"sshpass -p '{chosen()}' ssh root@10.3.4.5",
    f"PGPASSWORD={chosen()} psql -h db1 -U app",
    f"echo 'root:{chosen()}' | chpasswd",
    f"docker login -u ci -p {chosen()} registry.acme-corp.net",
    f"net user backup {chosen()} /add",
    f"openssl pkcs12 -in c.p12 -passin pass:{chosen()}",
    f"mongo --host db1 --username admin --password {chosen()}",
    f"export DATADOG_API_KEY={hexes(32)}",
    f"export HEROKU_API_KEY={uuid()}",
]
DOTENV = [
    f"DB_PASSWORD={chosen()}",
    f"APP_KEY=base64:{base64_of(signs(32))}",
    f"MAIL_PASSWORD={simple()}",
    f"PUSHER_APP_SECRET={hexes(20)}",
    f"REDIS_PASSWORD={signs(16)}",
    f"JWT_SECRET={signs(64)}",
    f"SESSION_SECRET='{signs(32)}'",
    f"TWILIO_AUTH_TOKEN={hexes(32)}",
    f"SENDGRID_API_KEY=SG.{signs(22)}.{signs(43)}",
    f"MAILGUN_SECRET=key-{hexes(32)}",
    "STRIPE_SECRET=sk_" + f"live_{signs(24)}",
    f"DATABASE_URL=postgres://app:{chosen()}@db1:5432/app",
    f"MONGO_URI=mongodb+srv://root:{signs(14)}@cluster0.ab1cd.mongodb.net/x",
    f"AMQP_URL=amqp://farm:{chosen()}@mq1:5672/",
    f"OPENAI_API_KEY=sk-proj-{signs(48)}",
    f"ANTHROPIC_API_KEY=sk-ant-api03-{signs(95)}",
    f"HF_TOKEN=hf_{signs(34, string.ascii_letters)}",
    f"CLOUDFLARE_API_TOKEN={signs(40)}",
    f"DIGITALOCEAN_TOKEN=dop_v1_{hexes(64)}",
    f"DATABRICKS_TOKEN=dapi{hexes(32)}",
    f"NEW_RELIC_LICENSE_KEY={hexes(36)}NRAL",
    f"NEW_RELIC_API_KEY=NRAK-{signs(27, string.ascii_uppercase + string.digits)}",
    f"OKTA_API_TOKEN=00{signs(40)}",
    f"SHOPIFY_ACCESS_TOKEN=shpat_{hexes(32)}",
    f"TELEGRAM_BOT_TOKEN={digits(9)}:AA{signs(33)}",
    f"DISCORD_TOKEN=MT{signs(22)}.G{signs(5)}.{signs(38)}",
    f"SQUARE_ACCESS_TOKEN=EAAA{signs(60)}",
    f"PAYPAL_SECRET=E{signs(79)}",
    f"GITLAB_TOKEN=glpat-{signs(20)}",
    f"SENTRY_AUTH_TOKEN=sntrys_{signs(80)}",
    f"ALGOLIA_ADMIN_KEY={hexes(32)}",
    f"AZURE_CLIENT_SECRET={signs(3)}8Q~{signs(34)}",
    f"GOOGLE_API_KEY=AIza{signs(35)}",
    f"GOOGLE_CLIENT_SECRET=GOCSPX-{signs(28)}",
    f"VAULT_TOKEN=hvs.{signs(90)}",
    f"LINEAR_KEY=lin_api_{signs(40)}",
]
FILES = [
    f"//registry.npmjs.org/:_authToken=npm_{signs(36)}",
    f"_auth = {base64_of('deploy:' + chosen())}",
    f'_password="{base64_of(chosen())}"',
    f'"https://index.docker.io/v1/": {{"auth": "{base64_of("ci:" + chosen())}"}}',
    f'\t"auth": "{base64_of("robot:" + signs(20))}",',
    f"https://farmer:{chosen()}@github.com",
    f"machine git.acme-corp.net login farmer password {chosen()}",
    f"machine ftp.acme-corp.net\n  login farmer\n  password {simple()}",
    f"db1.acme-corp.net:5432:shop:shop_rw:{chosen()}",
    f"*:*:*:postgres:{simple()}",
    f"secret_key = {signs(40)}",
    f"gpg_passphrase = {simple()}",
    f'  "password": "{chosen()}",',
    f'  "pass": "{simple()}",',
    f'    "passphrase": "{chosen()}",',
    f'"ftp_password":"{simple()}"',
    f'"userPassword" : "{chosen()}",',
    f"AdminPassword={simple()}",
    f"Password={simple()}",
    f"Password=A35C{signs(40, '0123456789ABCDEF')}",
    f"<Pass>{simple()}</Pass>",
    f'<Pass encoding="base64">{base64_of(chosen())}</Pass>',
    f'<data-source user="root" password="{chosen()}"/>',
    f'<add key="SmtpPassword" value="{chosen()}" />',
    f'<add name="Shop" connectionString="Server=db1;User Id=sa;Password={chosen()};" />',
    f"Data Source=db1;Initial Catalog=shop;User ID=sa;Pwd={simple()}",
    f'<machineKey validationKey="{signs(64, "0123456789ABCDEF")}" decryption="AES" />',
    f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={signs(86)}==",
    f"Endpoint=sb://q.servicebus.windows.net/;SharedAccessKey={signs(43)}=",
    f"    password: {chosen()}",
    f"  secret_key_base: {hexes(128)}",
    f"api_key: {hexes(32)}",
    f"  oauth_token: {hexes(40)}",
    f'  "api_key": "{uuid()}",',
    f'"private_key_id": "{hexes(40)}",',
    f'"client_secret": "{signs(24)}",',
    f'"encryptedPassword":"MDIEEPgAAAA{signs(44)}==",',
    f'"encryptedUsername":"MDoEEPgAAAA{signs(52)}",',
    f"psk={simple()}",
    f'  psk="{chosen()}"',
    f"PrivateKey = {signs(43)}=",
    f"password = {chosen()}  # esmtp",
    f'autosendcmd = "/msg nickserv identify {simple()}";',
    f'sasl_password = "{simple()}";',
    f"requirepass {chosen()}",
    f"bind_pw: {chosen()}",
    f"spring.datasource.password={chosen()}",
    f"keystore.password={simple()}",
    f"smtp_pass: '{chosen()}'",
    f'token = "{signs(32)}"',
    f"rpcpassword={simple()}",
    f"jdbc:mysql://db1/shop?user=app&password={chosen()}",
    f"ansible_ssh_pass={chosen()}",
    f"      POSTGRES_PASSWORD: {chosen()}",
    f"  - MYSQL_ROOT_PASSWORD={simple()}",
    f"  db-password: {base64_of(chosen())}",
]
CODE = [
    f"define('DB_PASSWORD', '{chosen()}');",
    f"define( 'AUTH_KEY',         '{salt()}' );",
    f"define('SECURE_AUTH_KEY',  '{salt()}');",
    f"define('LOGGED_IN_KEY',    '{salt()}');",
    f"define('NONCE_KEY',        '{salt()}');",
    f"define('AUTH_SALT',        '{salt()}');",
    f"define('SECURE_AUTH_SALT', '{salt()}');",
    f"define('LOGGED_IN_SALT',   '{salt()}');",
    f"define('NONCE_SALT',       '{salt()}');",
    f"$password = '{simple()}';",
    f"$dbpasswd = '{chosen()}';",
    f"'password' => '{simple()}',",
    f"'password' => env('DB_PASSWORD', '{chosen()}'),",
    f"SECRET_KEY = '{signs(50, string.ascii_lowercase + string.digits + '!@#$%^&*(-_=+)')}'",
    f'app.secret_key = "{signs(24)}"',
    f'String apiKey = "{signs(32)}";',
    f'const string Password = "{chosen()}";',
    f"conn.login('ops@acme-corp.net', '{signs(32)}', cb)",
    f"client = Client('AC{hexes(32)}', auth_token='{hexes(32)}')",
    f'requests.get(url, auth=("ops", "{chosen()}"))',
    f'headers = {{"Authorization": "Basic {base64_of("ops:" + chosen())}"}}',
    f"Authorization: Bearer {web_token()}",
    f"Cookie: sessionid={signs(32)}; theme=dark",
    f"Set-Cookie: PHPSESSID={signs(26)}; path=/",
    f'password := "{simple()}"',
    f'let password = "{chosen()}";',
    f'variable "db_password" {{ default = "{chosen()}" }}',
    f"CREATE USER 'shop'@'%' IDENTIFIED BY '{simple()}';",
    f"ALTER ROLE shop WITH PASSWORD '{chosen()}';",
    f'$p = ConvertTo-SecureString "{chosen()}" -AsPlainText -Force',
    f"webhook = 'https://hooks.slack.com/services/T{signs(8).upper()}/B{signs(8)}/{signs(24)}'",
    f"https://discord.com/api/webhooks/{digits(18)}/{signs(68)}",
    f"https://shop.blob.core.windows.net/a?sv=2022-11-02&ss=b&sig={signs(43)}%3D",
    f"My wifi password is {simple()}, why does it not connect?",
    f"the api key is {signs(32)}",
    f"Token: {web_token()}",
]
HASHES = [
    f"root:$6${crypt(8)}${crypt(86)}:17500:0:99999:7:::",
    f"daemon:$1${crypt(8)}${crypt(22)}:1001:1001::/home/d:/bin/false",
    f"backup:$y$j9T${crypt(22)}${crypt(43)}:19000::::::",
    f"ops:$apr1${crypt(8)}${crypt(22)}",
    f"ops:{{SHA}}{signs(27)}=",
    f"ops:$2y$10${crypt(53)}",
    f"INSERT INTO `users` VALUES (1,'ops','$2b$12${crypt(53)}');",
    f"(2,'kim','$2a$08${crypt(53)}',NULL),",
    f"INSERT INTO users (name, hash) VALUES ('kim', '{hexes(32)}');",
    f"pbkdf2_sha256$260000${signs(22)}${signs(43)}=",
    f"$argon2id$v=19$m=65536,t=3,p=4${signs(22)}${signs(43)}",
    f"user_pass: $P$B{crypt(30)}",
    f"userPassword: {{SSHA}}{signs(32)}",
    f"*{signs(40, '0123456789ABCDEF')}",
    f"Administrator:500:{hexes(32)}:{hexes(32)}:::",
    f"kim:x1{crypt(9)}Q7:12:",
]
KEYS = [
    *(
        f"-----BEGIN {kind}PRIVATE KEY-----\n{signs(64)}\n{signs(64)}"
        for kind in ("RSA ", "DSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "")
    ),
    f'"private_key": "-----BEGIN PRIVATE KEY-----\\n{signs(64)}\\n",',
    f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOY{signs(60)}",
    "PuTTY-User-Key-File-2: ssh-rsa",
    f"Private-MAC: {hexes(40)}",
    "-----BEGIN OpenVPN Static key V1-----",
    f"{hexes(32)}",
]
SAMPLES = {
    "shell": SHELL,
    "dotenv": DOTENV,
    "files": FILES,
    "code": CODE,
    "hashes": HASHES,
    "keys": KEYS,
}

PLACEHOLDERS = [
    "AWS_SECRET_ACCESS_KEY=<your secret key>",
    "export GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "OPENAI_API_KEY=sk-...",
    "api_key = os.environ['API_KEY']",
    "apiKey: process.env.API_KEY,",
    "password: ${DB_PASSWORD}",
    "password = getpass.getpass()",
    'password: "changeme"',
    "DB_PASSWORD=secret",
    "define('AUTH_KEY', 'put your unique phrase here');",
    "postgres://user:password@localhost:5432/db",
    "mysql -u root -p shop",
    "curl -u user:pass https://api.example.com",
    '<input type="password" name="password" id="password1">',
    "def login(username: str, password: str) -> Token:",
    "token = tokenizer.decode(ids[0])",
    "max_tokens=4096, temperature=0.7",
    "primary_key = models.AutoField(primary_key=True)",
    "The password must be at least 12 characters long.",
    "How do I reset my password? It says invalid token.",
    "password: {{ vault_db_password }}",
    "secret: my-secret-value",
    "machine HOST login USER password PASSWORD",
    "Authorization: Bearer YOUR_ACCESS_TOKEN",
    'key="3f2a", value="12"',
    "public_key = load('id_rsa.pub')",
    "PWD=/home/kim/projects/web2",
    "passport: number 2 in the queue",
    "the key is to practise every day",
    "git commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "password_hash = bcrypt.hashpw(password, bcrypt.gensalt())",
    "<Pass>********</Pass>",
    "hostname:port:database:username:password",
    "REDIS_PASSWORD=",
    "input_token = 'Hello world'",
    "auth: { enabled: true }",
    "my passcode lock is broken",
    "kubectl get secret db-credentials -o yaml",
    "token_type: bearer, expires_in: 3600",
]
