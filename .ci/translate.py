"""Prints the CloudFormation template that SAM's own translator makes of `translate.py TEMPLATE`."""

import json
import sys

from cfnlint.decode.cfn_yaml import load
from samtranslator.parser.parser import Parser
from samtranslator.sdk.parameter import SamParameterValues
from samtranslator.translator.translator import Translator

MANAGED = {
    name: f"arn:aws:iam::aws:policy/service-role/{name}"
    for name in ["AWSLambdaBasicExecutionRole", "AWSLambdaDynamoDBExecutionRole"]
}
# Parameters without a default.
REQUIRED = {"PortalUrl": "https://acces.exemple.ca", "MailFrom": "centre@exemple.ca"}

template = json.loads(json.dumps(load(sys.argv[1])))
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        resource["Properties"]["CodeUri"] = "s3://bucket/" + resource["Properties"]["CodeUri"].split("/")[-2]
defaults = {name: parameter.get("Default", REQUIRED.get(name)) for name, parameter in template["Parameters"].items()}
parameters = SamParameterValues(defaults)
parameters.add_default_parameter_values(template)
translated = Translator(MANAGED, Parser()).translate(sam_template=template, parameter_values=defaults)
json.dump(translated, sys.stdout, indent=1)
